import { RequestClient, Twilio } from 'twilio';

/** Sends requests for `https://<product>.twilio.com` to `{base}/<product>`. */
export class TandemRequestClient extends RequestClient {
  constructor(base: string, options?: ConstructorParameters<typeof RequestClient>[0]);
  readonly base: string;
  /** Where a request for `uri` goes. */
  rewritten(uri: string): string;
}

/** A client of the Tandem server at `base`. */
export function tandem(base: string, accountSid: string, authToken: string, options?: object): Twilio;
