// What customers meet who do not get through at once, played on simulated phones: an agent who is busy, one who lets it ring, an
// extension that nobody has, a direct call that is declined, a number without a document. And what a simulated phone can do beside
// tones: speak, and show the keys that it was sent.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Customers, Stage } from './stage.mjs';

const [MARIA, OMAR] = ['Maria Lopez', 'Omar Said'];
const SEEN = { maria: '+1 555 020 0001', omar: '+1 555 020 0002' };
const TONES = { ana: 440, maria: 800, omar: 1000 };
/** An offer of the demo's queue lasts so long, in milliseconds, and then some. */
const OFFER_MS = 40_000;

let stage, ana, customers;

before(async () => {
  stage = await Stage.open();
  await stage.does('put', { path: '/VoicePolicy', body: { wrap_up_s: 60 } });
  ana = await stage.signsIn('ana', { tone: TONES.ana });
  customers = await Customers.open(ana);
  for (const name of [MARIA, OMAR]) await customers.phone(name).getByText('Ready').waitFor();
});

after(() => stage?.close());

test('who calls while the only agent talks waits with music, and is offered when she has wrapped up', async () => {
  await customers.dials(MARIA, 'Inbound ACD');
  await ana.presses('Answer', SEEN.maria);
  await ana.hears(TONES.maria);
  await customers.dials(OMAR, 'Inbound ACD');
  await customers.hear(OMAR, 'Music');
  assert.equal(await ana.row(SEEN.omar).count(), 0, 'a queue call is no direct call');
  await ana.presses('End call', SEEN.maria);
  await customers.isIn(MARIA, 'none');
  await customers.hear(OMAR, 'Music');
  assert.equal(await ana.row(SEEN.omar).count(), 0, 'she wraps up');
  await ana.completes();
  await ana.sees(SEEN.omar, 'ringing');
});

test('an agent who lets it ring is offline, and the caller waits on until she is back', async () => {
  await ana.row(SEEN.omar, 'ringing').waitFor({ state: 'detached', timeout: OFFER_MS });
  await ana.page.getByText('You are Offline now.').first().waitFor();
  await customers.hear(OMAR, 'Music');
  await ana.presses('Go available');
  await ana.presses('Answer', SEEN.omar);
  await ana.hears(TONES.omar);
  await customers.hear(OMAR, TONES.ana);
});

test('a customer sees the keys that the agent presses', async () => {
  await ana.presses('Keypad', SEEN.omar);
  for (const key of ['4', '2', '#']) await ana.page.keyboard.press(key);
  await customers.phone(OMAR).getByText('Keys heard: 4 · 2 · #').waitFor();
  await ana.page.keyboard.press('Escape');
  await customers.looks('simulator-keys');
});

test('a customer speaks in sentences, and in tones again', async () => {
  const voice = customers.phone(OMAR).getByRole('group', { name: `Voice of ${OMAR}` });
  await voice.getByRole('radio', { name: 'Spoken sentences' }).check();
  await ana.hearsSpeech();
  await voice.getByRole('radio', { name: /^Tone/ }).check();
  await ana.hears(TONES.omar);
  await customers.press(OMAR, 'Hang up');
  await ana.completes();
});

test('who dials an extension of nobody hears that, is asked again, and reaches the agent', async () => {
  await customers.dials(MARIA, 'Direct Extension');
  await customers.hear(MARIA, 'Speech');
  await customers.phone(MARIA).getByText('Trouble').click();
  await customers.press(MARIA, 'Dial a wrong extension (9999)');
  await customers.phone(MARIA).getByText('Pressed: 9 · 9 · 9 · 9').waitFor();
  await stage.told('+15550200001', 'redirected by the workflow', 'Gather');
  assert.equal(await ana.row(SEEN.maria).count(), 0);
  await customers.keys(MARIA, '1001');
  await ana.sees(SEEN.maria, 'ringing');
});

test('a direct call that is declined becomes a message, which the agent hears in the voice of the caller', async () => {
  await ana.presses('Decline', SEEN.maria);
  await customers.hear(MARIA, 'Speech');
  await stage.told('+15550200001', 'recording begins');
  await ana.page.waitForTimeout(2_000);
  await customers.press(MARIA, '#');
  await customers.isIn(MARIA, 'none');
  await ana.presses('Missed');
  const player = ana.page.getByLabel(`Message from ${SEEN.maria}`);
  await player.waitFor();
  await ana.page.getByText('New', { exact: true }).first().waitFor();
  assert.equal(await ana.plays(`Message from ${SEEN.maria}`), TONES.maria);
});

test('a number that nothing answers says so to who calls it', async () => {
  await customers.dials(OMAR, 'Text messages');
  await customers.phone(OMAR).getByText(/The call failed|The other end hung up/).waitFor();
  await customers.isIn(OMAR, 'none');
});

test('nothing went wrong in the pages on the way', () => {
  for (const user of [ana, customers]) assert.deepEqual(user.errors, []);
});
