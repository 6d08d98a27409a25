'use strict';

// Live conferences and recordings through the official SDK. A SIP phone answers.

const assert = require('node:assert/strict');
const path = require('node:path');
const { spawn } = require('node:child_process');
const { once } = require('node:events');
const { randomBytes } = require('node:crypto');
const { after, before, describe, it } = require('node:test');
const { tandem } = require('tandem-twilio');

const URL = process.env.TANDEM_URL || 'http://127.0.0.1:8080';
const ACCOUNT = process.env.TANDEM_ACCOUNT_SID || 'AC00000000000000000000000000000001';
const TOKEN = process.env.TANDEM_AUTH_TOKEN || 'tandem-dev-token';
const client = tandem(URL, ACCOUNT, TOKEN);
const to = 'sip:bo@tandem.localhost';
const from = '+15550100001';

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** The first thing that `holds` answers that is true. */
const until = async (what, holds) => {
  for (const end = Date.now() + 20000; Date.now() < end; await pause(100)) {
    const found = await holds();
    if (found) return found;
  }
  throw new Error(`never: ${what}`);
};

/** The promise is rejected with this status and code. */
const refused = (promise, status, code) =>
  assert.rejects(promise, (error) => {
    assert.deepEqual([error.status, error.code], [status, code], error.message);
    return true;
  });

describe('voice', () => {
  let phone;

  before(async () => {
    phone = spawn('python3', [path.join(__dirname, '..', 'phone.py')], { stdio: ['pipe', 'pipe', 'inherit'] });
    await once(phone.stdout, 'data');
  });

  after(() => phone.stdin.end());

  // covers: GET /2010-04-01/Accounts/{AccountSid}/Conferences.json, POST /2010-04-01/Accounts/{AccountSid}/Conferences/{Sid}.json
  // covers: POST /2010-04-01/Accounts/{AccountSid}/Conferences/{ConferenceSid}/Participants.json
  // covers: GET /2010-04-01/Accounts/{AccountSid}/Conferences/{ConferenceSid}/Participants.json
  // covers: POST /2010-04-01/Accounts/{AccountSid}/Conferences/{ConferenceSid}/Participants/{CallSid}.json
  // covers: DELETE /2010-04-01/Accounts/{AccountSid}/Conferences/{ConferenceSid}/Participants/{CallSid}.json
  it('conferences and participants', async () => {
    const name = `node ${randomBytes(6).toString('hex')}`;
    const one = await client.conferences(name).participants.create({ from, to, label: 'one', beep: 'false' });
    const room = client.conferences(one.conferenceSid);
    await room.participants.create({ from, to, label: 'two', earlyMedia: false, maxParticipants: 10 });
    await until('two are in it', async () => (await room.fetch()).status === 'in-progress');
    assert.deepEqual((await room.participants.list()).map((p) => p.label).sort(), ['one', 'two']);
    const held = await room.participants('one').update({ hold: true, holdUrl: '' });
    assert.deepEqual([held.hold, held.muted, held.status], [true, false, 'connected']);
    assert.equal((await room.participants.list({ hold: true })).length, 1);
    assert.equal((await room.participants('one').update({ hold: false, muted: true })).muted, true);
    await refused(room.participants('three').fetch(), 404, 20404);
    await refused(room.participants.create({ from, to, label: 'two' }), 400, 16025);
    assert.equal(await room.participants('two').remove(), true);
    const ended = await room.update({ status: 'completed' });
    assert.equal(ended.status, 'completed');
    assert.equal((await client.conferences.list({ friendlyName: name, status: 'completed' })).length, 1);
  });

  // covers: POST /2010-04-01/Accounts/{AccountSid}/Calls/{CallSid}/Recordings.json
  // covers: POST /2010-04-01/Accounts/{AccountSid}/Calls/{CallSid}/Recordings/{Sid}.json
  // covers: GET /2010-04-01/Accounts/{AccountSid}/Recordings/{Sid}.json, DELETE /2010-04-01/Accounts/{AccountSid}/Recordings/{Sid}.json
  it('recordings', async () => {
    const twiml = '<Response><Say loop="0">Nobody is here to talk to you.</Say></Response>';
    const made = await client.calls.create({ from, to, twiml, record: true, recordingChannels: 'dual' });
    const call = client.calls(made.sid);
    await until('it is answered', async () => (await call.fetch()).status === 'in-progress');
    const own = await call.recordings.create({ recordingChannels: 'mono', recordingTrack: 'inbound' });
    assert.deepEqual([own.channels, own.source, own.track], [1, 'StartCallRecordingAPI', 'inbound']);
    await pause(1000);
    assert.equal((await call.recordings('Twilio.CURRENT').update({ status: 'paused' })).status, 'paused');
    await call.update({ status: 'completed' });
    const done = async () => (await call.recordings.list()).every((r) => r.status === 'completed');
    await until('the files are there', done);
    const sources = (await call.recordings.list()).map((recording) => recording.source).sort();
    assert.deepEqual(sources, ['OutboundAPI', 'StartCallRecordingAPI']);
    assert.equal(await client.recordings(own.sid).remove(), true);
    await refused(client.recordings(own.sid).fetch(), 404, 20404);
    await refused(call.recordings.create(), 400, 21220);
  });

  // A call's own recording is trimmed unless it says otherwise: of a call in which nobody says anything nothing is left.
  it('a recording of silence is absent, or as long as the call when it is not trimmed', async () => {
    const twiml = '<Response><Pause length="60"/></Response>';
    for (const [trim, status, code] of [[undefined, 'absent', 16101], ['do-not-trim', 'completed', null]]) {
      const made = await client.calls.create({ from, to, twiml, record: true, trim });
      const call = client.calls(made.sid);
      await until('it is answered', async () => (await call.fetch()).status === 'in-progress');
      await pause(1200);
      await call.update({ status: 'completed' });
      const [recording] = await until('it is over', async () => {
        const all = await call.recordings.list();
        return all.length && !['in-progress', 'processing'].includes(all[0].status) && all;
      });
      assert.deepEqual([recording.status, recording.errorCode], [status, code]);
      assert.equal(Number(recording.duration) >= 1, status === 'completed');
    }
  });
});
