'use strict';

// Accounts and what they have, by the official SDK. `covers:` names the operations of the test below it.

const assert = require('node:assert/strict');
const { after, before, describe, it } = require('node:test');
const { randomBytes, randomInt } = require('node:crypto');
const { tandem } = require('tandem-twilio');

const URL = process.env.TANDEM_URL || 'http://127.0.0.1:8080';
const ACCOUNT = process.env.TANDEM_ACCOUNT_SID || 'AC00000000000000000000000000000001';
const TOKEN = process.env.TANDEM_AUTH_TOKEN || 'tandem-dev-token';
const client = tandem(URL, ACCOUNT, TOKEN);
const unique = randomBytes(6).toString('hex');
const nobody = (prefix) => prefix + '0'.repeat(32);
const number = () => `+1555${randomInt(2000000, 9999999)}`;

/** The promise is rejected with this status and code. */
const refused = (promise, status, code) =>
  assert.rejects(promise, (error) => {
    assert.deepEqual([error.status, error.code], [status, code], error.message);
    return true;
  });
const sids = (items) => items.map((item) => item.sid);

describe('A subaccount', () => {
  let sub;
  let theirs;
  let own;

  before(async () => {
    sub = await client.api.v2010.accounts.create({ friendlyName: `node ${unique}` });
    theirs = tandem(URL, sub.sid, sub.authToken);
    own = client.api.v2010.accounts(sub.sid);
  });

  after(async () => {
    if ((await own.fetch()).status !== 'closed') await own.update({ status: 'closed' });
  });

  // covers: POST /2010-04-01/Accounts.json, GET /2010-04-01/Accounts.json
  // covers: GET /2010-04-01/Accounts/{Sid}.json, POST /2010-04-01/Accounts/{Sid}.json
  it('is made, listed and renamed', async () => {
    assert.deepEqual([sub.ownerAccountSid, sub.status], [ACCOUNT, 'active']);
    const found = await client.api.v2010.accounts.list({ friendlyName: sub.friendlyName, status: 'active' });
    assert.deepEqual(sids(found), [sub.sid]);
    assert.deepEqual(sids(await theirs.api.v2010.accounts.list()), [sub.sid]);
    assert.equal((await own.update({ friendlyName: 'Branch' })).friendlyName, 'Branch');
    assert.equal((await own.fetch()).friendlyName, 'Branch');
    await refused(own.update({ status: 'asleep' }), 400, 20001);
  });

  it('is acted for by its parent, and by nobody else', async () => {
    const queue = await own.queues.create({ friendlyName: 'Theirs' });
    assert.deepEqual(sids(await theirs.queues.list()), [queue.sid]);
    await refused(client.queues(queue.sid).fetch(), 404, 20404);
    await refused(theirs.api.v2010.accounts(ACCOUNT).queues.list(), 404, 20404);
    await refused(theirs.api.v2010.accounts(ACCOUNT).fetch(), 404, 20404);
    await refused(theirs.api.v2010.accounts.create(), 403, 20403);
    await refused(theirs.api.v2010.accounts(sub.sid).update({ status: 'closed' }), 403, 20403);
    const made = await own.incomingPhoneNumbers.create({ phoneNumber: number() });
    const moved = await own.incomingPhoneNumbers(made.sid).update({ accountSid: ACCOUNT });
    assert.equal(moved.accountSid, ACCOUNT);
    await client.incomingPhoneNumbers(made.sid).remove();
  });

  it('is suspended, goes on, and is closed for good', async () => {
    assert.equal((await own.update({ status: 'suspended' })).status, 'suspended');
    await refused(theirs.queues.list(), 401, 20003);
    const call = { to: '+15550100099', from: '+15550100001', twiml: '<Response/>' };
    await refused(own.calls.create(call), 403, 20005);
    assert.equal((await own.update({ status: 'active' })).status, 'active');
    await theirs.queues.list();
    assert.equal((await own.update({ status: 'closed' })).status, 'closed');
    await refused(theirs.queues.list(), 401, 20003);
    await refused(own.update({ status: 'active' }), 403, 20005);
    assert.equal((await own.fetch()).status, 'closed');
  });
});

describe('An account', () => {
  // covers: GET /2010-04-01/Accounts/{AccountSid}/Keys.json, POST /2010-04-01/Accounts/{AccountSid}/Keys.json
  // covers: GET /2010-04-01/Accounts/{AccountSid}/Keys/{Sid}.json, POST /2010-04-01/Accounts/{AccountSid}/Keys/{Sid}.json
  // covers: DELETE /2010-04-01/Accounts/{AccountSid}/Keys/{Sid}.json
  // covers: GET /2010-04-01/Accounts/{AccountSid}/SigningKeys.json, POST /2010-04-01/Accounts/{AccountSid}/SigningKeys.json
  // covers: GET /2010-04-01/Accounts/{AccountSid}/SigningKeys/{Sid}.json, POST /2010-04-01/Accounts/{AccountSid}/SigningKeys/{Sid}.json
  // covers: DELETE /2010-04-01/Accounts/{AccountSid}/SigningKeys/{Sid}.json
  it('has keys, and signing keys', async () => {
    for (const [makes, keys] of [
      [client.newKeys, client.keys],
      [client.newSigningKeys, client.signingKeys],
    ]) {
      const made = await makes.create({ friendlyName: unique });
      assert.match(made.sid, /^SK/);
      const byKey = tandem(URL, made.sid, made.secret, { accountSid: ACCOUNT });
      assert.equal((await byKey.balance.fetch()).currency, 'USD');
      assert.ok(sids(await keys.list()).includes(made.sid));
      assert.equal((await keys(made.sid).update({ friendlyName: 'renamed' })).friendlyName, 'renamed');
      assert.equal((await keys(made.sid).fetch()).friendlyName, 'renamed');
      assert.equal(await keys(made.sid).remove(), true);
      await refused(keys(made.sid).fetch(), 404, 20404);
      await refused(byKey.balance.fetch(), 401, 20003);
    }
  });

  // covers: POST /2010-04-01/Accounts/{AccountSid}/Tokens.json, GET /2010-04-01/Accounts/{AccountSid}/Balance.json
  it('has tokens for TURN servers and owes nothing', async () => {
    const token = await client.tokens.create({ ttl: 60 });
    assert.deepEqual([token.accountSid, token.ttl], [ACCOUNT, '60']);
    assert.ok(Array.isArray(token.iceServers));
    await refused(client.tokens.create({ ttl: -1 }), 400, 20001);
    assert.equal(Number((await client.balance.fetch()).balance), 0);
  });

  // covers: GET /2010-04-01/Accounts/{AccountSid}/OutgoingCallerIds.json, POST /2010-04-01/Accounts/{AccountSid}/OutgoingCallerIds.json
  // covers: GET /2010-04-01/Accounts/{AccountSid}/OutgoingCallerIds/{Sid}.json
  it('proves caller IDs by a call', async () => {
    const asked = await client.validationRequests.create({ phoneNumber: '+15557779001', friendlyName: unique });
    assert.match(asked.validationCode, /^\d{6}$/);
    assert.equal(asked.phoneNumber, '+15557779001');
    assert.deepEqual(await client.outgoingCallerIds.list({ friendlyName: unique }), []);
    await refused(client.validationRequests.create({ phoneNumber: '555' }), 400, 21421);
    await refused(client.outgoingCallerIds(nobody('PN')).fetch(), 404, 20404);
    await refused(client.outgoingCallerIds(nobody('PN')).remove(), 404, 20404);
  });

  // covers: GET /2010-04-01/Accounts/{AccountSid}/AvailablePhoneNumbers.json
  // covers: GET /2010-04-01/Accounts/{AccountSid}/AvailablePhoneNumbers/{CountryCode}.json
  it('finds no numbers where there is no pool', async () => {
    assert.deepEqual(await client.availablePhoneNumbers.list(), []);
    await refused(client.availablePhoneNumbers('US').fetch(), 404, 20404);
  });

  // covers: GET /2010-04-01/Accounts/{AccountSid}/Applications.json, POST /2010-04-01/Accounts/{AccountSid}/Applications.json
  // covers: GET /2010-04-01/Accounts/{AccountSid}/Applications/{Sid}.json, POST /2010-04-01/Accounts/{AccountSid}/Applications/{Sid}.json
  // covers: DELETE /2010-04-01/Accounts/{AccountSid}/Applications/{Sid}.json
  it('has applications', async () => {
    const made = await client.applications.create({ friendlyName: unique, voiceUrl: 'http://127.0.0.1:9/voice' });
    const one = client.applications(made.sid);
    assert.equal((await one.fetch()).voiceUrl, 'http://127.0.0.1:9/voice');
    assert.deepEqual(sids(await client.applications.list({ friendlyName: unique })), [made.sid]);
    assert.equal((await one.update({ voiceMethod: 'GET' })).voiceMethod, 'GET');
    assert.equal(await one.remove(), true);
    await refused(one.fetch(), 404, 20404);
  });

  // covers: GET /2010-04-01/Accounts/{AccountSid}/Queues.json, POST /2010-04-01/Accounts/{AccountSid}/Queues.json
  // covers: GET /2010-04-01/Accounts/{AccountSid}/Queues/{Sid}.json, POST /2010-04-01/Accounts/{AccountSid}/Queues/{Sid}.json
  // covers: DELETE /2010-04-01/Accounts/{AccountSid}/Queues/{Sid}.json
  // covers: GET /2010-04-01/Accounts/{AccountSid}/Queues/{QueueSid}/Members.json
  // covers: GET /2010-04-01/Accounts/{AccountSid}/Queues/{QueueSid}/Members/{CallSid}.json
  // covers: POST /2010-04-01/Accounts/{AccountSid}/Queues/{QueueSid}/Members/{CallSid}.json
  it('has queues, and who waits in them', async () => {
    const made = await client.queues.create({ friendlyName: `q ${unique}`, maxSize: 3 });
    const one = client.queues(made.sid);
    assert.equal((await one.update({ maxSize: 4 })).maxSize, 4);
    assert.equal((await one.fetch()).currentSize, 0);
    assert.deepEqual(await one.members.list(), []);
    await refused(one.members('Front').fetch(), 404, 20404);
    await refused(one.members('Front').update({ url: 'http://127.0.0.1:9/next' }), 404, 20404);
    await refused(one.update({ maxSize: 5001 }), 400, 20001);
    assert.equal(await one.remove(), true);
    await refused(one.members.list(), 404, 20404);
  });

  // covers: GET /2010-04-01/Accounts/{AccountSid}/Notifications.json, GET /2010-04-01/Accounts/{AccountSid}/Notifications/{Sid}.json
  it('is notified of what went wrong', async () => {
    for (const one of await client.notifications.list({ log: 0, limit: 3 })) {
      assert.equal((await client.notifications(one.sid).fetch()).errorCode, one.errorCode);
    }
    await refused(client.notifications(nobody('NO')).fetch(), 404, 20404);
  });

  // covers: GET /2010-04-01/Accounts/{AccountSid}/Transcriptions.json, GET /2010-04-01/Accounts/{AccountSid}/Transcriptions/{Sid}.json
  // covers: GET /2010-04-01/Accounts/{AccountSid}/Recordings/{RecordingSid}/Transcriptions.json
  // covers: GET /2010-04-01/Accounts/{AccountSid}/Recordings/{RecordingSid}/Transcriptions/{Sid}.json
  it('finds transcriptions of what is there only', async () => {
    await client.transcriptions.list({ limit: 3 });
    await refused(client.transcriptions(nobody('TR')).fetch(), 404, 20404);
    await refused(client.recordings(nobody('RE')).transcriptions.list(), 404, 20404);
    await refused(client.recordings(nobody('RE')).transcriptions(nobody('TR')).fetch(), 404, 20404);
    await refused(client.recordings(nobody('RE')).fetch(), 404, 20404);
  });

  // covers: GET /2010-04-01/Accounts/{AccountSid}/Usage/Records.json, GET /2010-04-01/Accounts/{AccountSid}/Usage/Records/AllTime.json
  // covers: GET /2010-04-01/Accounts/{AccountSid}/Usage/Records/Daily.json, GET /2010-04-01/Accounts/{AccountSid}/Usage/Records/Monthly.json
  // covers: GET /2010-04-01/Accounts/{AccountSid}/Usage/Records/Yearly.json, GET /2010-04-01/Accounts/{AccountSid}/Usage/Records/Today.json
  // covers: GET /2010-04-01/Accounts/{AccountSid}/Usage/Records/Yesterday.json, GET /2010-04-01/Accounts/{AccountSid}/Usage/Records/ThisMonth.json
  // covers: GET /2010-04-01/Accounts/{AccountSid}/Usage/Records/LastMonth.json
  it('knows how much it was used', async () => {
    const { records } = client.usage;
    for (const of of [records, records.allTime, records.daily, records.monthly, records.yearly, records.today]) {
      const [calls] = await of.list({ category: 'calls', limit: 1 });
      assert.deepEqual([calls.category, calls.countUnit, calls.usageUnit], ['calls', 'calls', 'minutes']);
      assert.ok(Number(calls.count) >= 0);
    }
    for (const of of [records.yesterday, records.thisMonth, records.lastMonth]) {
      const all = await of.list();
      assert.ok(all.some((one) => one.category === 'calls-inbound'));
    }
    const days = await records.daily.list({ category: 'calls', startDate: '2026-01-30', endDate: '2026-02-02' });
    assert.equal(days.length, 4);
    await refused(records.list({ category: 'sms' }), 400, 20001);
  });
});
