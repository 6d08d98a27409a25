// An agent behind a firewall: their browser may use a TURN server only (coturn, on loopback), with the credentials that Tandem
// makes, and is heard all the same.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createSocket } from 'node:dgram';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, test } from 'node:test';
import { Stage } from './stage.mjs';

const QUEUE = '+15550130041';
const MARIA = '+15558880041';
const SEEN = '+1 555 888 0041';
const SECRET = 'between us and the relay';
/** How long the relay may take to be there, in milliseconds. */
const WITHIN = 10_000;

let stage, relay, folder, port;
const lines = [];

/** A UDP port that was free a moment ago. */
async function freePort() {
  const socket = createSocket('udp4');
  await new Promise((bound) => socket.bind(0, '127.0.0.1', bound));
  const { port: found } = socket.address();
  await new Promise((closed) => socket.close(closed));
  return found;
}

before(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'tandem-turn-'));
  port = await freePort();
  relay = spawn('turnserver', [
    '-n', '--listening-ip=127.0.0.1', '--relay-ip=127.0.0.1', `--listening-port=${port}`, '--min-port=61000', '--max-port=61999',
    '--use-auth-secret', `--static-auth-secret=${SECRET}`, '--realm=tandem.test', '--allow-loopback-peers', '--no-cli', '--no-tls', '--no-dtls',
    '--no-tcp', '--log-file=stdout', '--simple-log', '--verbose', `--pidfile=${path.join(folder, 'pid')}`, `--userdb=${path.join(folder, 'db')}`,
  ], { stdio: ['ignore', 'pipe', 'inherit'] });
  const there = new Promise((listens, fails) => {
    setTimeout(() => fails(new Error(`the relay does not listen: ${lines.join('\n')}`)), WITHIN).unref();
    createInterface({ input: relay.stdout }).on('line', (line) => {
      lines.push(line);
      if (/listener opened on/i.test(line)) listens();
    });
  });
  await there;
  stage = await Stage.open({ TANDEM_ICE_SERVERS: `turn:127.0.0.1:${port}?transport=udp`, TANDEM_TURN_SECRET: SECRET });
  await stage.does('number', { number: QUEUE, twiml: '<Response><Enqueue workflowSid="${workflow:Inbound ACD}"/></Response>' });
  for (const worker of ['bo', 'kim']) await stage.does('says', { worker, activity: 'Offline' });
});

after(async () => {
  await stage?.close();
  relay?.kill();
  if (folder) rmSync(folder, { recursive: true });
});

test('an agent who can reach nothing but the relay talks and is heard', async () => {
  const ana = await stage.signsIn('ana', { tone: 440, relayed: true });
  await stage.does('calls', { name: 'maria', from: MARIA, to: QUEUE, tone: 800 });
  await ana.presses('Answer', SEEN);
  await ana.hears(800);
  await stage.does('hears', { name: 'maria', what: 440 });
  const used = await ana.page.evaluate(async () => {
    const [report] = await Promise.all(window.peers.map((peer) => peer.getStats()));
    const all = [...report.values()];
    const pair = all.find((one) => one.type === 'candidate-pair' && one.nominated && one.state === 'succeeded');
    return all.find((one) => one.id === pair?.localCandidateId)?.candidateType;
  });
  assert.equal(used, 'relay');
  const names = lines.map((line) => /username=<(\d+):([^>]+)>/.exec(line)).filter(Boolean);
  assert.ok(names.length > 0, lines.join('\n'));
  const [, until, name] = names[0];
  assert.match(name, /^ana/);
  const left = Number(until) - Date.now() / 1000;
  assert.ok(left > 3_600 && left <= 7_200, `${left} s`);
  await ana.presses('End call', SEEN);
  await ana.completes();
  assert.deepEqual(ana.errors, []);
});

test('a browser that makes up its own credentials is not relayed', async () => {
  const page = await stage.browser.newPage();
  await page.goto(`${stage.url}/desk`);
  const gathered = await page.evaluate(async (urls) => {
    const peer = new RTCPeerConnection({ iceTransportPolicy: 'relay', iceServers: [{ urls, username: '9999999999:eve', credential: 'guessed' }] });
    peer.addTransceiver('audio');
    const found = [];
    const done = new Promise((over) => {
      peer.onicecandidate = ({ candidate }) => (candidate ? found.push(candidate.candidate) : over());
    });
    await peer.setLocalDescription(await peer.createOffer());
    await done;
    peer.close();
    return found.filter(Boolean);
  }, [`turn:127.0.0.1:${port}?transport=udp`]);
  assert.deepEqual(gathered, []);
  await page.close();
});
