// A SIP phone that stays connected for the shift: picked up once, and from then on the desk answers.
import { after, before, test } from 'node:test';
import { Stage } from './stage.mjs';

const QUEUE = '+15550130001';
const DIRECT = '+15550130002';
const MARIA = '+15558880001';
const OMAR = '+15558880002';
const FRIEND = '+15557779001';
const [MARIA_SEEN, OMAR_SEEN, FRIEND_SEEN] = ['+1 555 888 0001', '+1 555 888 0002', '+1 555 777 9001'];
const TONES = { ana: 620, maria: 800, omar: 1000, friend: 1200 };

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
  await phone('expects', { number: FRIEND, tone: TONES.friend });
  await phone('says', { worker: 'ana', activity: 'Break' });
});

after(() => stage?.close());

test('the phone rings once, at the start of the shift', async () => {
  ana = await stage.signsIn('ana', { shift: false });
  await ana.page.getByRole('radio', { name: 'The phone' }).check();
  await ana.page.getByRole('checkbox', { name: 'Keep it connected' }).check();
  await ana.looks('start-of-shift-line');
  await ana.page.getByRole('button', { name: 'Start shift' }).click();
  await ana.page.getByText('Your phone rings. Pick it up').waitFor();
  await phone('rings', { user: 'ana', name: 'line' });
  await phone('answers', { name: 'line' });
  await ana.page.getByText('Your phone rings. Pick it up').waitFor({ state: 'detached' });
});

test('a call is answered at the desk, a second parks it, and both are swapped, on the one call of the phone', async () => {
  await phone('calls', { name: 'maria', from: MARIA, to: QUEUE, tone: TONES.maria });
  await ana.presses('Answer', MARIA_SEEN);
  await ana.sees(MARIA_SEEN, 'live');
  await hears('line', TONES.maria);
  await hears('maria', TONES.ana);
  await phone('calls', { name: 'omar', from: OMAR, to: DIRECT, tone: TONES.omar });
  await ana.presses(`Answer and park ${MARIA_SEEN}`, OMAR_SEEN);
  await ana.sees(OMAR_SEEN, 'live');
  await hears('line', TONES.omar);
  await hears('maria', 'music');
  await ana.presses('Swap', MARIA_SEEN);
  await ana.sees(OMAR_SEEN, 'parked');
  await hears('line', TONES.maria);
});

test('a reload changes nothing, and both callers leave the phone connected', async () => {
  await ana.page.reload();
  await ana.sees(MARIA_SEEN, 'live');
  await phone('hangs-up', { name: 'omar' });
  await ana.presses('Dismiss', OMAR_SEEN);
  await phone('hangs-up', { name: 'maria' });
  await ana.completes();
  await hears('line', 'silence');
});

test('the agent calls out without touching the phone', async () => {
  await ana.dials(FRIEND);
  await ana.sees(FRIEND_SEEN, 'live');
  await hears('line', TONES.friend);
  await ana.presses('End call');
  await ana.completes();
});

test('a phone that is put down can be connected again, and signing out lets it go', async () => {
  await phone('hangs-up', { name: 'line' });
  await ana.page.getByText('Your phone is not connected any more').waitFor();
  await ana.presses('Connect it');
  await phone('rings', { user: 'ana', name: 'line' });
  await phone('answers', { name: 'line' });
  await ana.page.getByText('Your phone is not connected any more').waitFor({ state: 'detached' });
  await ana.page.locator('details.menu summary').filter({ hasText: 'Ana' }).click();
  await ana.presses('Sign out');
  await phone('ends', { name: 'line' });
});
