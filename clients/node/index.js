'use strict';

const twilio = require('twilio');

const { RequestClient } = twilio;

// https://taskrouter.twilio.com/…, and https://taskrouter.sydney.au1.twilio.com/… with an edge and a region.
const TWILIO = /^https:\/\/([a-z0-9-]+)(?:\.[a-z0-9-]+)*\.twilio\.com(?=\/|$)/;

/**
 * A request client that sends requests for `https://<product>.twilio.com` to `{base}/<product>`.
 *
 * URLs that are Tandem's own already (the next page of a list) are left as they are.
 */
class TandemRequestClient extends RequestClient {
  /**
   * @param {string} base where Tandem answers, `http://127.0.0.1:8080`
   * @param {object} [options] what `RequestClient` takes
   */
  constructor(base, options) {
    super(options);
    this.base = base.replace(/\/+$/, '');
  }

  /** Where a request for `uri` goes. */
  rewritten(uri) {
    return uri.replace(TWILIO, (_, product) => `${this.base}/${product}`);
  }

  request(options) {
    return super.request({ ...options, uri: this.rewritten(options.uri) });
  }
}

/**
 * A client of the Tandem server at `base`.
 *
 * @param {string} base where Tandem answers, `http://127.0.0.1:8080`
 * @param {string} accountSid
 * @param {string} authToken
 * @param {object} [options] what `twilio()` takes
 */
function tandem(base, accountSid, authToken, options = {}) {
  return twilio(accountSid, authToken, { ...options, httpClient: new TandemRequestClient(base) });
}

module.exports = { TandemRequestClient, tandem };
