// The same agent with no phone but the browser: what they click, what they hear, and what everybody else hears.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Stage } from './stage.mjs';

const QUEUE = '+15550130011';
const DIRECT = '+15550130012';
const MARIA = '+15558880011';
const OMAR = '+15558880012';
const LIN = '+15558880013';
const FRIEND = '+15557779011';
const STRANGER = '+15557779012';
const SEEN = {
  maria: '+1 555 888 0011', omar: '+1 555 888 0012', lin: '+1 555 888 0013', friend: '+1 555 777 9011', stranger: '+1 555 777 9012',
};
const TONES = { ana: 440, bo: 620, maria: 800, omar: 1000, friend: 1200, lin: 1400 };

let stage, ana;
const phone = (what, more) => stage.does(what, more);
const hears = (name, what) => phone('hears', { name, what });

/** Both hear each other, and nobody else. */
async function talks(agent, name, of = name) {
  await agent.hears(TONES[of]);
  await hears(name, TONES.ana);
}

before(async () => {
  stage = await Stage.open();
  await phone('number', { number: QUEUE, twiml: '<Response><Enqueue workflowSid="${workflow:Inbound ACD}"/></Response>' });
  await phone('number', {
    number: DIRECT,
    twiml: '<Response><Enqueue workflowSid="${workflow:Direct Extension}"><Task priority="1000">{"directExtension":"1001"}</Task></Enqueue></Response>',
  });
  await phone('expects', { number: FRIEND, tone: TONES.friend });
  await phone('ignores', { number: STRANGER });
  await phone('put', { path: '/VoicePolicy', body: { wrap_up_s: 60 } });
  await phone('says', { worker: 'ana', activity: 'Break' });
});

after(() => stage?.close());

test('the start of a shift tries the microphone, and opens the phone in the page', async () => {
  ana = await stage.signsIn('ana', { shift: false, tone: TONES.ana });
  await ana.page.getByRole('radio', { name: 'This browser' }).check();
  await ana.page.getByRole('button', { name: 'Test microphone and speaker' }).click();
  await ana.page.getByRole('combobox', { name: 'Microphone' }).waitFor();
  const loud = ana.page.getByRole('meter', { name: 'Microphone level' });
  await ana.until(async () => Number(await loud.getAttribute('aria-valuenow')) > 20, 'the meter moves');
  await ana.looks('start-of-shift-browser');
  await ana.page.getByRole('button', { name: 'Start shift' }).click();
  await ana.phoneIsUp();
  await ana.page.getByText('No calls yet. You are available').waitFor();
});

test('S1.1 a queue call rings in the browser and is answered there, and both hear each other', async () => {
  await phone('calls', { name: 'maria', from: MARIA, to: QUEUE, tone: TONES.maria });
  await ana.sees(SEEN.maria, 'ringing');
  await ana.presses('Answer', SEEN.maria);
  await ana.sees(SEEN.maria, 'live');
  await talks(ana, 'maria');
  await ana.looks('desk-talking');
});

test('mute, hold and keys are heard at the other end as they should be', async () => {
  await ana.presses('Mute', SEEN.maria);
  await hears('maria', 'silence');
  await ana.hears(TONES.maria);
  await ana.page.getByText('You are muted. Nobody hears you.').waitFor();
  await ana.presses('Unmute', SEEN.maria);
  await hears('maria', TONES.ana);
  await ana.presses('Hold', SEEN.maria);
  await hears('maria', 'music');
  await ana.hears('silence');
  await ana.presses('Resume', SEEN.maria);
  await talks(ana, 'maria');
  await ana.presses('Keypad', SEEN.maria);
  for (const key of ['4', '2', '#']) await ana.page.getByRole('button', { name: key, exact: true }).click();
  await phone('hears-digits', { name: 'maria', digits: '42#' });
  await ana.looks('desk-keypad');
  await ana.page.keyboard.press('Escape');
});

test('S1.2 no second queue call is offered meanwhile', async () => {
  await phone('calls', { name: 'lin', from: LIN, to: QUEUE, tone: TONES.lin });
  await hears('lin', 'music');
  assert.equal(await ana.row(SEEN.lin).count(), 0);
  await phone('hangs-up', { name: 'lin' });
});

test('S1.3 answering a direct call parks the queue call', async () => {
  await phone('calls', { name: 'omar', from: OMAR, to: DIRECT, tone: TONES.omar });
  await ana.sees(SEEN.omar, 'ringing');
  await talks(ana, 'maria');
  await ana.presses(`Answer and park ${SEEN.maria}`, SEEN.omar);
  await ana.sees(SEEN.omar, 'live');
  await ana.sees(SEEN.maria, 'parked');
  await talks(ana, 'omar');
  await hears('maria', 'music');
});

test('S1.4 swap brings the parked call back, again and again, without another description', async () => {
  const before = await ana.page.evaluate(() => document.getElementById('ear').srcObject.id);
  for (const [back, away] of [['maria', 'omar'], ['omar', 'maria'], ['maria', 'omar'], ['omar', 'maria'], ['maria', 'omar']]) {
    await ana.presses('Swap', SEEN[back]);
    await ana.sees(SEEN[back], 'live');
    await talks(ana, back);
    await hears(away, 'music');
  }
  assert.equal(await ana.page.evaluate(() => document.getElementById('ear').srcObject.id), before);
});

test('S1.13 a reload keeps every call, and the one that was heard is heard again', async () => {
  await ana.page.reload();
  await ana.sees(SEEN.maria, 'live');
  await ana.sees(SEEN.omar, 'parked');
  await ana.phoneIsUp();
  await talks(ana, 'maria');
  await hears('omar', 'music');
});

test('S1.5 a manual park frees the agent, who calls out and then picks up', async () => {
  await ana.presses('Park', SEEN.maria);
  await ana.sees(SEEN.maria, 'parked');
  await hears('maria', 'music');
  await ana.hears('silence');
  await ana.dials(FRIEND);
  await ana.sees(SEEN.friend, 'live');
  await phone('reached', { name: 'friend' });
  await talks(ana, 'friend');
  await ana.presses('Swap', SEEN.maria);
  await ana.sees(SEEN.maria, 'live');
  await ana.sees(SEEN.friend, 'parked');
  await talks(ana, 'maria');
  await hears('friend', 'music');
  await phone('hangs-up', { name: 'friend' });
  await ana.sees(SEEN.friend, 'hung-up');
  await ana.presses('Dismiss', SEEN.friend);
  await phone('hangs-up', { name: 'omar' });
  await ana.sees(SEEN.omar, 'hung-up');
  await ana.presses('Dismiss', SEEN.omar);
});

test('S1.6 a direct call that is answered during an attempt to call out gives the attempt up, and parks nobody', async () => {
  await ana.presses('End call', SEEN.maria);
  await phone('ends', { name: 'maria' });
  await ana.completes();
  await ana.dials(STRANGER);
  await ana.sees(SEEN.stranger, 'dialing');
  await phone('calls', { name: 'omar', from: OMAR, to: DIRECT, tone: TONES.omar });
  await ana.sees(SEEN.omar, 'ringing');
  await ana.presses('Answer and cancel dialling', SEEN.omar);
  await ana.sees(SEEN.omar, 'live');
  await ana.seesNo(SEEN.stranger);
  await talks(ana, 'omar');
});

test('S1.7 a caller who hangs up while parked leaves a notice and a wrap-up', async () => {
  await ana.presses('Park', SEEN.omar);
  await ana.sees(SEEN.omar, 'parked');
  await phone('hangs-up', { name: 'omar' });
  await ana.sees(SEEN.omar, 'hung-up');
  await ana.presses('Wrap-up', SEEN.omar);
  await ana.page.getByText('Resolved').click();
  await ana.page.getByRole('button', { name: 'Complete', exact: true }).click();
  await ana.seesNo(SEEN.omar);
});

test('S1.8 a caller who hangs up while parked under an agent on a break is not lost', async () => {
  await phone('calls', { name: 'maria', from: MARIA, to: QUEUE, tone: TONES.maria });
  await ana.presses('Answer', SEEN.maria);
  await talks(ana, 'maria');
  await ana.presses('Park', SEEN.maria);
  await ana.sees(SEEN.maria, 'parked');
  await ana.page.getByLabel('Activity').selectOption({ label: 'Break' });
  await ana.row(SEEN.maria, 'parked').getByText('You are on Break.').waitFor();
  await phone('hangs-up', { name: 'maria' });
  await ana.sees(SEEN.maria, 'hung-up');
  await ana.presses('Dismiss', SEEN.maria);
  await ana.seesNo(SEEN.maria);
  await ana.page.getByLabel('Activity').selectOption({ label: 'Available' });
});

test('a call that nobody answers is told as missed, and one that is declined goes', async () => {
  await phone('calls', { name: 'omar', from: OMAR, to: DIRECT, tone: TONES.omar });
  await ana.presses('Decline', SEEN.omar);
  await ana.seesNo(SEEN.omar);
  await phone('hangs-up', { name: 'omar' });
});

test('an accept over the API connects the browser', async () => {
  await phone('calls', { name: 'maria', from: MARIA, to: QUEUE, tone: TONES.maria });
  await ana.sees(SEEN.maria, 'ringing');
  const reservation = await ana.row(SEEN.maria).getAttribute('data-call');
  const worker = await phone('worker', { name: 'ana' });
  await phone('post', { path: `/Workers/${worker}/Reservations/${reservation}`, form: { ReservationStatus: 'accepted' } });
  await ana.sees(SEEN.maria, 'live');
  await talks(ana, 'maria');
  await ana.presses('End call', SEEN.maria);
  await phone('ends', { name: 'maria' });
  await ana.completes();
});

test('another page takes the phone over with its calls, and says so', async () => {
  await phone('calls', { name: 'maria', from: MARIA, to: QUEUE, tone: TONES.maria });
  await ana.presses('Answer', SEEN.maria);
  await talks(ana, 'maria');
  const other = await ana.opensAnotherPage();
  await ana.page.getByText('Calls are handled in another page.').waitFor();
  await talks(other, 'maria');
  await ana.page.getByRole('button', { name: 'Move here' }).click();
  await ana.phoneIsUp();
  await talks(ana, 'maria');
  await other.page.close();
  await ana.presses('End call', SEEN.maria);
  await phone('ends', { name: 'maria' });
  await ana.completes();
});

test('S4 transfer-park: the same buttons in a workspace without a voice policy', async () => {
  await phone('delete', { path: '/VoicePolicy' });
  const worker = await phone('worker', { name: 'ana' });
  await phone('post', { path: `/Workers/${worker}/Channels/voice`, form: { Capacity: '3' } });
  await phone('calls', { name: 'maria', from: MARIA, to: QUEUE, tone: TONES.maria });
  await ana.presses('Answer', SEEN.maria);
  await ana.sees(SEEN.maria, 'live');
  await talks(ana, 'maria');
  for (let round = 0; round < 3; round += 1) {
    await ana.presses('Park', SEEN.maria);
    await ana.sees(SEEN.maria, 'parked');
    await hears('maria', 'music');
    await ana.presses('Pick up', SEEN.maria);
    await ana.sees(SEEN.maria, 'live');
    await talks(ana, 'maria');
  }
  // S4.3 another call is taken: the live one is parked first.
  await phone('calls', { name: 'omar', from: OMAR, to: DIRECT, tone: TONES.omar });
  await ana.presses(`Answer and park ${SEEN.maria}`, SEEN.omar);
  await ana.sees(SEEN.omar, 'live');
  await ana.sees(SEEN.maria, 'parked');
  await talks(ana, 'omar');
  await hears('maria', 'music');
  // S4.5 who hangs up while parked leaves nothing behind.
  await phone('hangs-up', { name: 'maria' });
  await ana.seesNo(SEEN.maria);
  await ana.presses('End call', SEEN.omar);
  await phone('ends', { name: 'omar' });
  await ana.completes();
  await phone('put', { path: '/VoicePolicy', body: { wrap_up_s: 60 } });
});

test('nothing went wrong in the page on the way', () => {
  assert.deepEqual(ana.errors, []);
});
