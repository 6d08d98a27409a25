// Consulting people and numbers, a supervisor over the floor, and the story of a call afterwards: all phones are browsers.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Stage } from './stage.mjs';

const QUEUE = '+15550130021';
const OTHER = '+15550130022';
const MARIA = '+15558880021';
const OMAR = '+15558880022';
const FRIEND = '+15557779021';
const SEEN = { maria: '+1 555 888 0021', omar: '+1 555 888 0022', friend: '+1 555 777 9021' };
const TONES = { ana: 440, bo: 620, maria: 800, friend: 1200, kim: 1600, omar: 1000 };

const talk = {};
let stage, ana, bo, kim;
const phone = (what, more) => stage.does(what, more);
const hears = (name, what) => phone('hears', { name, what });

before(async () => {
  stage = await Stage.open();
  const queue = '<Response><Enqueue workflowSid="${workflow:Inbound ACD}"/></Response>';
  await phone('number', { number: QUEUE, twiml: queue });
  await phone('number', { number: OTHER, twiml: queue });
  await phone('expects', { number: FRIEND, tone: TONES.friend });
  await phone('put', { path: '/VoicePolicy', body: { wrap_up_s: 60, colleague_pickup: true } });
  for (const worker of ['ana', 'bo', 'kim']) await phone('says', { worker, activity: 'Break' });
});

after(() => stage?.close());

test('a caller is consulted about with a colleague, talked to by both, and handed over', async () => {
  ana = await stage.signsIn('ana', { tone: TONES.ana });
  await phone('calls', { name: 'maria', from: MARIA, to: QUEUE, tone: TONES.maria });
  await ana.presses('Answer', SEEN.maria);
  await ana.hears(TONES.maria);
  bo = await stage.signsIn('bo', { tone: TONES.bo });
  await ana.presses('Transfer', SEEN.maria);
  await ana.page.getByRole('button', { name: 'Consult: Bo Marsh' }).click();
  await hears('maria', 'music');
  await bo.presses('Answer', SEEN.maria);
  const room = ana.page.getByRole('group', { name: `In the call with ${SEEN.maria}` });
  await room.getByText('Bo Marsh', { exact: true }).first().waitFor();
  // The agents talk first.
  await ana.hears(TONES.bo);
  await bo.hears(TONES.ana);
  await hears('maria', 'music');
  await ana.looks('desk-consult');
  await ana.presses('Merge all', SEEN.maria);
  await hears('maria', [TONES.ana, TONES.bo]);
  await ana.presses(`Hold ${SEEN.maria}`, SEEN.maria);
  await hears('maria', 'music');
  await ana.hears(TONES.bo);
  // Whoever is on hold then comes off it.
  await ana.presses('Hand over and leave', SEEN.maria);
  await hears('maria', TONES.bo);
  await bo.hears(TONES.maria);
  await ana.completes();
});

test('somebody outside is consulted under a chosen number, and the caller is left with them', async () => {
  await bo.presses('Transfer', SEEN.maria);
  await bo.page.getByRole('textbox', { name: 'Name, queue or number' }).fill(FRIEND);
  await bo.page.getByRole('combobox', { name: 'From' }).selectOption(OTHER);
  await bo.looks('desk-transfer-number');
  await bo.page.getByRole('button', { name: `Consult: ${FRIEND}` }).click();
  await phone('reached', { name: 'friend' });
  await bo.row(SEEN.maria).getByText('Merge all').waitFor();
  await hears('maria', 'music');
  await hears('friend', TONES.bo);
  await bo.hears(TONES.friend);
  await bo.presses('Merge all', SEEN.maria);
  await hears('maria', [TONES.bo, TONES.friend]);
  await bo.presses('Hand over and leave', SEEN.maria);
  await hears('maria', TONES.friend);
  await hears('friend', TONES.maria);
  await phone('hangs-up', { name: 'friend' });
  await phone('ends', { name: 'maria' });
  await bo.completes();
});

test('a queue is consulted: whoever is free there talks with the agent first, and gives the caller back', async () => {
  await phone('calls', { name: 'maria', from: MARIA, to: QUEUE, tone: TONES.maria });
  const agent = await stage.whoRings([ana, bo], SEEN.maria);
  const [other, own, theirs] = agent === ana ? [bo, TONES.ana, TONES.bo] : [ana, TONES.bo, TONES.ana];
  await agent.presses('Answer', SEEN.maria);
  await agent.hears(TONES.maria);
  await agent.presses('Transfer', SEEN.maria);
  await agent.page.getByRole('button', { name: 'Consult: Support' }).click();
  await other.presses('Answer', SEEN.maria);
  await agent.hears(theirs);
  await other.hears(own);
  await hears('maria', 'music');
  await other.presses('Hand over and leave', SEEN.maria);
  await agent.hears(TONES.maria);
  await hears('maria', own);
  await other.completes();
  Object.assign(talk, { agent, other, own, theirs });
});

test('a colleague is added to a call, and all are together as soon as they answer', async () => {
  const { agent, other, own, theirs } = talk;
  await agent.presses('Add person', SEEN.maria);
  await agent.looks('desk-add');
  await agent.page.getByRole('button', { name: `Add: ${other === bo ? 'Bo Marsh' : 'Ana Lind'}` }).click();
  await other.presses('Answer', SEEN.maria);
  await hears('maria', [own, theirs]);
  await agent.hearsAll([TONES.maria, theirs]);
  await other.hearsAll([TONES.maria, own]);
  await other.presses('Hand over and leave', SEEN.maria);
  await hears('maria', own);
  await other.completes();
  await agent.presses('End call', SEEN.maria);
  await phone('ends', { name: 'maria' });
  await agent.completes();
});

test('a supervisor listens, whispers, joins and leaves, and everybody hears what they should', async () => {
  kim = await stage.signsIn('kim', { tone: TONES.kim });
  await kim.page.getByLabel('Activity', { exact: true }).selectOption({ label: 'Break' });
  await phone('calls', { name: 'maria', from: MARIA, to: QUEUE, tone: TONES.maria });
  const agent = await stage.whoRings([ana, bo], SEEN.maria);
  await agent.presses('Answer', SEEN.maria);
  await agent.hears(TONES.maria);
  const [name, own] = agent === ana ? ['Ana Lind', TONES.ana] : ['Bo Marsh', TONES.bo];
  await kim.page.getByRole('button', { name: 'Team' }).click();
  const control = kim.page.getByRole('group', { name: `The call with ${name}` });
  await control.getByRole('button', { name: 'Listen' }).click();
  await kim.page.getByText(`You are listening to ${name}. Nobody hears you.`).waitFor();
  await kim.hearsAll([TONES.maria, own]);
  await hears('maria', own);
  await agent.page.getByText('Kim Aster is listening').first().waitFor();
  await kim.looks('team-listening');
  // Loaded again, the page knows what its user was doing.
  await kim.page.reload();
  await kim.page.getByText(`You are listening to ${name}. Nobody hears you.`).waitFor();
  await kim.phoneIsUp();
  await kim.hearsAll([TONES.maria, own]);
  await kim.page.getByRole('button', { name: 'Team' }).click();
  await control.getByRole('button', { name: 'Whisper' }).click();
  await agent.hearsAll([TONES.maria, TONES.kim]);
  await hears('maria', own);
  await control.getByRole('button', { name: 'Join' }).click();
  await hears('maria', [own, TONES.kim]);
  await kim.page.getByRole('button', { name: 'Leave', exact: true }).click();
  await hears('maria', own);
  await kim.hears('silence');
  kim.agent = agent;
});

test('a supervisor takes a live call over', async () => {
  await kim.page.getByLabel('Activity', { exact: true }).selectOption({ label: 'Available' });
  await kim.page.getByRole('button', { name: 'Take over' }).click();
  await kim.sees(SEEN.maria, 'live');
  await kim.hears(TONES.maria);
  await hears('maria', TONES.kim);
  await kim.agent.completes();
});

test('a parked call is picked up by a supervisor, and another is sent back to its queue', async () => {
  await kim.presses('End call', SEEN.maria);
  await phone('ends', { name: 'maria' });
  await kim.page.getByRole('button', { name: 'Desk' }).click();
  await kim.completes();
  await kim.page.getByLabel('Activity', { exact: true }).selectOption({ label: 'Break' });
  await bo.page.getByLabel('Activity', { exact: true }).selectOption({ label: 'Break' });
  await phone('calls', { name: 'omar', from: OMAR, to: QUEUE, tone: TONES.omar });
  await ana.presses('Answer', SEEN.omar);
  await ana.hears(TONES.omar);
  await ana.presses('Park', SEEN.omar);
  await hears('omar', 'music');
  await kim.page.getByRole('button', { name: 'Team' }).click();
  await kim.page.getByLabel('Activity', { exact: true }).selectOption({ label: 'Available' });
  await kim.page.getByRole('button', { name: 'Pick up' }).click();
  await kim.sees(SEEN.omar, 'live');
  await kim.hears(TONES.omar);
  await ana.seesNo(SEEN.omar);
  await kim.presses('Park', SEEN.omar);
  await kim.sees(SEEN.omar, 'parked');
  await kim.presses('Send to queue', SEEN.omar);
  await kim.seesNo(SEEN.omar);
  await ana.presses('Answer', SEEN.omar);
  await ana.hears(TONES.omar);
});

test('a supervisor changes an activity, and all of it is in the audit list', async () => {
  await kim.page.getByLabel('Change activity of Bo Marsh').selectOption({ label: 'Offline' });
  await kim.until(async () => (await bo.page.getByLabel('Activity', { exact: true }).locator('option:checked').textContent()) === 'Offline', 'Bo is offline');
  await kim.page.getByRole('button', { name: 'Audit' }).click();
  for (const act of ['Changed an activity', 'Picked up a parked call', 'Took a call over', 'Joined a call', 'Whispered to an agent', 'Listened to a call']) {
    await kim.page.getByRole('cell', { name: act }).first().waitFor();
  }
  await kim.looks('audit');
  const status = await ana.page.evaluate(async (path) => (await fetch(path)).status, `/tandem/v1/Workspaces/${stage.workspace}/Audit`);
  assert.equal(status, 403);
  ana.errors = ana.errors.filter((text) => !/\b403\b.*\/Audit\)$/.test(text));
});

test('the timeline of a call is there live and afterwards', async () => {
  await ana.page.getByRole('button', { name: 'Open timeline' }).click();
  await ana.page.getByRole('heading', { name: `Timeline of ${SEEN.omar}` }).waitFor();
  const lanes = ana.page.getByRole('list', { name: 'Who was where, and when' });
  await lanes.getByText('Kim Aster').waitFor();
  await ana.page.getByRole('cell', { name: /connected with|picked up by/ }).first().waitFor();
  await ana.looks('timeline');
  const { calls } = await stage.rest(`Calls.json?Status=in-progress&From=${encodeURIComponent(OMAR)}`);
  const omar = calls.find((call) => call.direction === 'inbound');
  await stage.rest(`Calls/${omar.sid}/Recordings.json`, {});
  await ana.page.getByRole('cell', { name: 'recording begins' }).waitFor();
  await ana.hears(TONES.omar);
  await ana.presses('End call', SEEN.omar);
  await phone('ends', { name: 'omar' });
  await ana.page.getByRole('cell', { name: 'the conversation is over' }).first().waitFor();
  // What was recorded is played where it is told of.
  const recording = ana.page.locator('audio[aria-label]');
  await recording.waitFor();
  const seconds = await recording.evaluate((audio) => new Promise((resolve, reject) => {
    audio.onended = () => resolve(audio.duration);
    audio.onerror = () => reject(new Error(audio.error?.message));
    audio.play().catch(reject);
  }));
  assert.ok(seconds > 0.2, `${seconds} s were recorded`);
  await ana.page.getByLabel('Show').selectOption({ label: 'Routing' });
  assert.equal(await ana.page.getByRole('cell', { name: 'sip', exact: true }).count(), 0);
  await ana.page.getByRole('button', { name: 'Desk' }).click();
  await ana.completes();
});

test('a supervisor is told why a caller waits', async () => {
  await ana.page.getByLabel('Activity', { exact: true }).selectOption({ label: 'Break' });
  await kim.page.getByLabel('Activity', { exact: true }).selectOption({ label: 'Break' });
  await phone('calls', { name: 'lin', from: MARIA, to: QUEUE, tone: TONES.maria });
  await kim.page.getByRole('button', { name: 'Queues' }).click();
  await kim.page.getByRole('button', { name: 'Why do they wait?' }).click();
  await kim.page.getByRole('dialog').getByText(SEEN.maria).waitFor();
  await kim.looks('why');
  await kim.page.keyboard.press('Escape');
  await phone('hangs-up', { name: 'lin' });
});

test('nothing went wrong in the pages on the way', () => {
  for (const user of [ana, bo, kim]) assert.deepEqual(user.errors, []);
});
