// An agent at the desk with several live calls: what they click, and what everybody hears.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Stage } from './stage.mjs';

const QUEUE = '+15550130001';
const DIRECT = '+15550130002';
const MARIA = '+15558880001';
const OMAR = '+15558880002';
const FRIEND = '+15557779001';
const [MARIA_SEEN, OMAR_SEEN, FRIEND_SEEN] = ['+1 555 888 0001', '+1 555 888 0002', '+1 555 777 9001'];
const TONES = { ana: 440, bo: 620, maria: 800, omar: 1000, friend: 1200 };

let stage, ana;
const phone = (what, more) => stage.does(what, more);
const hears = (name, what) => stage.does('hears', { name, what });

before(async () => {
  stage = await Stage.open();
  await phone('number', { number: QUEUE, twiml: '<Response><Enqueue workflowSid="${workflow:Inbound ACD}"/></Response>' });
  await phone('number', {
    number: DIRECT,
    twiml: '<Response><Enqueue workflowSid="${workflow:Direct Extension}"><Task priority="1000">{"directExtension":"1001"}</Task></Enqueue></Response>',
  });
  await phone('phone', { user: 'ana', tone: TONES.ana });
  await phone('phone', { user: 'bo', tone: TONES.bo });
  await phone('expects', { number: FRIEND, tone: TONES.friend });
  await phone('put', { path: '/VoicePolicy', body: { wrap_up_s: 60 } });
  await phone('says', { worker: 'ana', activity: 'Break' });
});

after(() => stage?.close());

test('a wrong password is refused, and a right one leads to the start of the shift', async () => {
  const nobody = await stage.signsIn('ana', { shift: false });
  await nobody.page.getByRole('heading', { name: 'Good to see you, Ana' }).waitFor();
  await nobody.looks('start-of-shift');
  await nobody.page.context().close();
  const context = await stage.browser.newContext();
  const page = await context.newPage();
  await page.goto(`${stage.url}/desk`);
  await page.getByLabel('Name').fill('ana');
  await page.getByLabel('Password').fill('not-the-password');
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByText('The name or the password is not right.').waitFor();
  await context.close();
});

test('the desk is empty and calm before the first call', async () => {
  ana = await stage.signsIn('ana');
  await ana.page.getByText('No calls yet. You are available').waitFor();
  await ana.looks('desk-empty');
});

test('S1.1 a queue call rings at the desk and is answered there, and both hear each other', async () => {
  await phone('calls', { name: 'maria', from: MARIA, to: QUEUE, tone: TONES.maria });
  await ana.sees(MARIA_SEEN, 'ringing');
  await ana.looks('desk-ringing');
  await ana.presses('Answer', MARIA_SEEN);
  await ana.page.getByText('Pick up your phone to talk.').waitFor();
  await phone('rings', { user: 'ana', name: 'talk' });
  await phone('answers', { name: 'talk' });
  await ana.sees(MARIA_SEEN, 'live');
  await hears('maria', TONES.ana);
  await hears('talk', TONES.maria);
});

test('hold and mute do what they say, and say that they did', async () => {
  await ana.presses('Hold', MARIA_SEEN);
  await hears('maria', 'music');
  await ana.row(MARIA_SEEN, 'live').getByText('On hold').waitFor();
  await ana.presses('Resume', MARIA_SEEN);
  await hears('maria', TONES.ana);
  await ana.presses('Mute', MARIA_SEEN);
  await ana.page.getByText('You are muted').waitFor();
  await ana.presses('Unmute', MARIA_SEEN);
  await hears('maria', TONES.ana);
});

test('S1.3 answering a direct call parks the queue call', async () => {
  await phone('calls', { name: 'omar', from: OMAR, to: DIRECT, tone: TONES.omar });
  await ana.sees(OMAR_SEEN, 'ringing');
  await ana.looks('desk-second-call');
  await ana.presses(`Answer and park ${MARIA_SEEN}`, OMAR_SEEN);
  await ana.sees(OMAR_SEEN, 'live');
  await ana.sees(MARIA_SEEN, 'parked');
  await hears('omar', TONES.ana);
  await hears('maria', 'music');
});

test('S1.4 swap brings the parked call back, again and again', async () => {
  for (const [back, away] of [['maria', 'omar'], ['omar', 'maria'], ['maria', 'omar']]) {
    const seen = back === 'maria' ? MARIA_SEEN : OMAR_SEEN;
    await ana.presses('Swap', seen);
    await ana.sees(seen, 'live');
    await hears(back, TONES.ana);
    await hears(away, 'music');
  }
  await ana.looks('desk-parked');
});

test('S1.13 a reload keeps every call', async () => {
  await ana.page.reload();
  await ana.sees(MARIA_SEEN, 'live');
  await ana.sees(OMAR_SEEN, 'parked');
});

test('S1.7 a caller who hangs up while parked leaves a notice until it is dealt with', async () => {
  await phone('hangs-up', { name: 'omar' });
  await ana.sees(OMAR_SEEN, 'hung-up');
  await ana.looks('desk-hung-up');
  await ana.presses('Dismiss', OMAR_SEEN);
  await ana.seesNo(OMAR_SEEN);
});

test('S1.5 a manual park frees the agent, who calls out and then picks up', async () => {
  await ana.page.keyboard.press('Control+Shift+KeyK');
  await ana.sees(MARIA_SEEN, 'parked');
  await hears('maria', 'music');
  await ana.presses('Dial a number');
  await ana.page.getByLabel('To', { exact: true }).fill(FRIEND);
  await ana.looks('desk-dial');
  await ana.page.getByRole('button', { name: 'Call', exact: true }).click();
  await phone('rings', { user: 'ana', name: 'talk' });
  await phone('answers', { name: 'talk' });
  await ana.sees(FRIEND_SEEN, 'live');
  await hears('talk', TONES.friend);
  await ana.presses('Swap', MARIA_SEEN);
  await ana.sees(MARIA_SEEN, 'live');
  await ana.sees(FRIEND_SEEN, 'parked');
  await hears('maria', TONES.ana);
});

test('S1.10 a pick-up on a break is not asked of the server', async () => {
  await ana.presses('Park', MARIA_SEEN);
  await ana.sees(MARIA_SEEN, 'parked');
  await ana.page.getByLabel('Activity').selectOption({ label: 'Break' });
  await ana.row(MARIA_SEEN, 'parked').getByText('You are on Break.').waitFor();
  let asked = 0;
  ana.page.on('request', (request) => { if (request.url().endsWith('/PickUp')) asked += 1; });
  await ana.page.keyboard.press('Control+Shift+KeyS');
  assert.equal(asked, 0);
  await ana.presses('Go available and pick up', MARIA_SEEN);
  await phone('rings', { user: 'ana', name: 'talk' });
  await phone('answers', { name: 'talk' });
  await ana.sees(MARIA_SEEN, 'live');
  await hears('maria', TONES.ana);
});

test('a call is handed to a colleague with a note', async () => {
  const bo = await stage.signsIn('bo');
  await ana.presses('Transfer', MARIA_SEEN);
  await ana.page.getByLabel('Note for them').fill('Wants a refund for March');
  await ana.looks('desk-transfer');
  await ana.page.getByRole('button', { name: 'Send: Bo Marsh' }).click();
  await bo.sees(MARIA_SEEN, 'ringing');
  await bo.page.getByText('Wants a refund for March').waitFor();
  await phone('rings', { user: 'bo', name: 'bos' });
  await phone('answers', { name: 'bos' });
  await bo.sees(MARIA_SEEN, 'live');
  await hears('maria', TONES.bo);
  await bo.presses('End call', MARIA_SEEN);
  await phone('ends', { name: 'maria' });
  assert.deepEqual(bo.errors, []);
  await bo.page.context().close();
});

test('the command palette finds actions, pages and shortcuts by keyboard alone', async () => {
  await ana.page.keyboard.press('Control+KeyK');
  await ana.page.getByRole('combobox', { name: 'Search actions, people and queues' }).fill('team');
  await ana.looks('palette');
  await ana.page.keyboard.press('Enter');
  await ana.page.getByRole('heading', { name: 'Team', level: 2 }).waitFor();
  await ana.looks('team');
  await ana.page.getByRole('button', { name: 'Queues' }).click();
  await ana.page.getByRole('heading', { name: 'Queues', level: 2 }).waitFor();
  await ana.looks('queues');
  await ana.page.getByRole('button', { name: 'Missed' }).click();
  await ana.page.getByRole('heading', { name: 'Missed calls' }).waitFor();
  await ana.looks('missed');
});

test('a direct call that is declined leaves a message, which is heard at the desk', async () => {
  await phone('calls', { name: 'omar', from: OMAR, to: DIRECT, tone: TONES.omar });
  await ana.sees(OMAR_SEEN, 'ringing');
  await ana.presses('Decline', OMAR_SEEN);
  await phone('recorded', { from: OMAR });
  // What he says is heard back by nobody yet; two seconds of it are a message.
  await ana.page.waitForTimeout(2_000);
  await phone('hangs-up', { name: 'omar' });
  await ana.page.getByRole('button', { name: 'Missed' }).click();
  const messages = ana.page.getByRole('region', { name: 'Voicemail' });
  const message = messages.getByRole('listitem').filter({ hasText: OMAR_SEEN });
  await message.getByText('New', { exact: true }).waitFor();
  await ana.looks('voicemail');
  await message.locator('audio').evaluate((audio) => audio.play());
  await message.getByText('Heard', { exact: true }).waitFor();
  await message.locator('audio').evaluate((audio) => { if (!(audio.duration > 1)) throw new Error(`${audio.duration} s`); });
  await message.getByRole('button', { name: 'Done' }).click();
  await messages.getByText('Nobody has left a message.').waitFor();
});

test('nothing went wrong in the page on the way', () => {
  assert.deepEqual(ana.errors, []);
});
