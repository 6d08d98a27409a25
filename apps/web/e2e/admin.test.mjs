// How the contact centre is set up, at the desk: agents with skills, queues, workflows that are tried before they are published,
// numbers, activities, lines and users. What is set up here is what calls and agents meet.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { Stage, tone } from './stage.mjs';

let stage, admin;
const opens = async (part) => {
  await admin.page.getByRole('navigation', { name: 'Administration' }).getByRole('button', { name: part }).click();
  await admin.page.getByRole('heading', { name: part, level: 2 }).waitFor();
};
const said = (text) => admin.page.getByRole('status').filter({ hasText: text }).first().waitFor();
const item = (name) => admin.page.getByRole('main').getByRole('button', { name });

before(async () => {
  stage = await Stage.open();
  await stage.does('phone', { user: 'ana', tone: 440 });
  admin = await stage.signsIn('admin', { shift: false });
  await admin.page.getByRole('button', { name: 'Admin', exact: true }).click();
  await admin.page.getByRole('heading', { name: 'Agents and skills' }).waitFor();
});

after(() => stage?.close());

test('an agent is made with skills, levels, capacity and a login, and can sign in', async () => {
  const { page } = admin;
  await page.getByRole('button', { name: 'New agent' }).click();
  await page.getByLabel('Worker name').fill('dee');
  await page.getByLabel('Full name').fill('Dee Moss');
  await page.getByLabel('Extension').fill('1009');
  for (const [skill, level] of [['billing', '4'], ['french', '']]) {
    await page.getByLabel('Another skill').fill(skill);
    await page.getByRole('button', { name: 'Add skill' }).click();
    if (level) await page.getByLabel(`Level of ${skill}`).fill(level);
  }
  await page.getByLabel('Sign-in name').fill('dee');
  await page.getByLabel('Password').fill('dee-demo-desk');
  await page.getByRole('button', { name: 'Create', exact: true }).click();
  await page.getByRole('heading', { name: 'Dee Moss', level: 3 }).waitFor();
  await page.getByLabel('Tasks of voice at once').fill('2');
  await page.getByLabel('Tasks of voice at once').press('Tab');
  await said('voice is saved.');
  await admin.looks('admin-agents');
  const worker = await stage.does('worker', { name: 'dee' });
  const found = await page.evaluate(async (path) => (await fetch(path)).json(), `/taskrouter/v1/Workspaces/${stage.workspace}/Workers/${worker}`);
  const { isAcdReady, ...attributes } = JSON.parse(found.attributes);
  assert.equal(isAcdReady, false);
  assert.deepEqual(attributes, { full_name: 'Dee Moss', directExtension: '1009', skills: ['billing', 'french'], levels: { billing: 4 } });
  const dee = await stage.signsIn('dee', { shift: false });
  await dee.page.getByRole('heading', { name: 'Good to see you, Dee' }).waitFor();
  assert.deepEqual(dee.errors, []);
});

test('many agents are saved as a file, changed in it and taken from it', async () => {
  const { page } = admin;
  await page.getByText('Many at once, as a CSV file').click();
  const [file] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: 'Save all agents as CSV' }).click()]);
  const text = readFileSync(await file.path(), 'utf8');
  assert.match(text, /^\ufeffworker,full_name,extension,contact,skills\r\n/);
  assert.match(text, /dee,Dee Moss,1009,,billing:4 french\r\n/);
  const load = page.getByLabel('Take agents from a CSV file');
  await load.setInputFiles({ name: 'a.csv', mimeType: 'text/csv', buffer: Buffer.from('name\nx') });
  await page.getByRole('alert').filter({ hasText: 'Line 1 is not understood' }).waitFor();
  const changed = `${text.replace('dee,Dee Moss,1009,,billing:4 french', 'dee,Dee Moss,1009,,billing:5 french')}eli,Eli Stone,1010,,sales\r\n`;
  await load.setInputFiles({ name: 'agents.csv', mimeType: 'text/csv', buffer: Buffer.from(changed) });
  await said('New: 1. Changed: 1. As they are: 3.');
  await admin.looks('admin-agents-file');
  await page.getByRole('button', { name: 'Do it' }).click();
  await said('Done: 2 agents.');
  await item('Eli Stone').waitFor();
  await page.getByText('Many at once, as a CSV file').click();
  await item('Dee Moss').click();
  assert.equal(await page.getByLabel('Level of billing').inputValue(), '5');
  // Back to what the queues of these tests expect.
  await page.getByLabel('Level of billing').fill('4');
  await page.getByRole('button', { name: 'Save', exact: true }).click();
  await said('dee is saved.');
});

test('a queue shows where its expression is wrong, and whom it matches', async () => {
  const { page } = admin;
  await opens('Queues');
  await page.getByRole('button', { name: 'New queue' }).click();
  await page.getByLabel('Name', { exact: true }).fill('Billing');
  const target = page.getByLabel('Agents who may take its tasks');
  await target.fill("skills HAS 'billing' AND AND levels.billing > 3");
  await page.getByText('Wrong at character 26').waitFor();
  await admin.looks('admin-queue-wrong');
  await page.getByRole('button', { name: 'Create', exact: true }).click();
  await page.getByRole('alert').filter({ hasText: 'That did not work' }).waitFor();
  await page.getByRole('button', { name: 'Go to that character' }).click();
  assert.equal(await target.evaluate((field) => field.selectionStart), 25);
  await target.fill("skills HAS 'billing' AND levels.billing > 3");
  await page.getByText('Matches 1 agent now: dee').waitFor();
  await page.getByRole('button', { name: 'Create', exact: true }).click();
  await page.getByRole('heading', { name: 'Billing', level: 3 }).waitFor();
});

test('a workflow is drafted in the form and as JSON, tried, replayed, and published', async () => {
  const { page } = admin;
  await opens('Workflows');
  await item('Inbound ACD').click();
  const json = page.getByLabel('The document');
  const before = JSON.parse(await json.inputValue());
  await page.getByRole('button', { name: 'Add a filter' }).click();
  const number = before.task_routing.filters.length + 1;
  await page.getByLabel(`Name of filter ${number}`).fill('Bills');
  await page.getByLabel(`If (filter ${number})`).fill('skill ==');
  await page.getByText('Wrong at character').waitFor();
  await page.getByLabel(`If (filter ${number})`).fill("skill == 'bills'");
  const step = page.getByRole('group', { name: `Filter ${number}, step 1` });
  await step.getByLabel('Queue').selectOption({ label: 'Support' });
  await step.getByLabel('Seconds').fill('30');
  for (let at = number; at > 1; at -= 1) await page.getByRole('button', { name: `Filter ${at} up` }).click();
  const drafted = JSON.parse(await json.inputValue());
  assert.equal(drafted.task_routing.filters[0].filter_friendly_name, 'Bills');
  assert.equal(drafted.task_routing.filters[0].targets[0].timeout, 30);
  assert.deepEqual(drafted.task_routing.filters.slice(1), before.task_routing.filters);
  // The other way round: what is written as JSON is in the form.
  await json.fill(JSON.stringify(drafted, null, 2).replace('"timeout": 30', '"timeout": 45'));
  assert.equal(await page.getByRole('group', { name: 'Filter 1, step 1' }).getByLabel('Seconds').inputValue(), '45');
  await page.getByText('draft, not published').waitFor();

  const first = await stage.does('post', { path: '/Tasks', form: { WorkflowSid: await sidOf('Inbound ACD'), Attributes: '{"skill":"bills"}', TaskChannel: 'chat' } });
  // Nobody takes it: an offer that runs out would make ana Offline.
  await stage.does('post', { path: `/Tasks/${first.sid}`, form: { AssignmentStatus: 'canceled', Reason: 'it was an example' } });
  await page.getByRole('button', { name: 'Replay', exact: true }).click();
  const replayed = page.getByRole('region', { name: 'What would have been' });
  await replayed.waitFor();
  assert.match(await replayed.textContent(), /^Of 1 tasks 1 would go elsewhere/);
  await page.getByRole('group', { name: 'Filter 1, step 1' }).getByLabel('Queue').selectOption({ label: 'Billing' });
  await page.getByLabel('Attributes of the task').fill('{"skill": "bills"}');
  await page.getByRole('button', { name: 'Run', exact: true }).click();
  const outcome = page.getByRole('region', { name: 'What would happen' });
  await outcome.getByText('Offered to nobody at once').waitFor();
  await outcome.getByText('0 s to 45 s: Billing').waitFor();
  await outcome.getByText('is Offline').first().waitFor();
  await page.getByLabel('Attributes of the task').fill('{"type": "inbound"}');
  await page.getByRole('button', { name: 'Run', exact: true }).click();
  await outcome.getByText('Offered at once to Ana Lind').waitFor();
  await admin.looks('admin-workflow');

  await page.getByRole('button', { name: 'Publish', exact: true }).click();
  const what = page.getByRole('form', { name: 'What is published' });
  await what.getByText('+         "filter_friendly_name": "Bills"').first().waitFor();
  await what.getByLabel('Why').fill('Bills go to those who know them, always');
  await admin.looks('admin-publish');
  await what.getByRole('button', { name: 'Publish now' }).click();
  await said('Inbound ACD is saved.');
  await page.getByText('draft, not published').waitFor({ state: 'detached' });
  const tasks = await stage.does('post', { path: '/Tasks', form: { WorkflowSid: await sidOf('Inbound ACD'), Attributes: '{"skill":"bills"}', TaskChannel: 'chat' } });
  assert.equal(tasks.task_queue_friendly_name, 'Billing');

  // What was there before can be compared and had again.
  const history = page.getByRole('region', { name: 'Published before' });
  await history.getByRole('row').filter({ hasText: 'Bills go to those who know them, always' }).filter({ hasText: 'admin' }).waitFor();
  const original = history.getByRole('row').filter({ hasText: 'over the API' });
  await original.getByRole('button', { name: 'Compare with live' }).click();
  await original.getByText('"filter_friendly_name": "Bills"').waitFor();
  await admin.looks('admin-history');
  await original.getByRole('button', { name: 'Take into the draft' }).click();
  assert.deepEqual(JSON.parse(await json.inputValue()), before);
  await page.getByText('draft, not published').waitFor();
  await page.getByRole('button', { name: 'Discard the draft' }).click();
});

async function sidOf(name) {
  const path = `/taskrouter/v1/Workspaces/${stage.workspace}/Workflows?FriendlyName=${encodeURIComponent(name)}`;
  return admin.page.evaluate(async (url) => (await (await fetch(url)).json()).workflows[0].sid, path);
}

test('a number is given something that answers it, and a call hears that', async () => {
  const { page } = admin;
  await opens('Numbers');
  await page.getByRole('button', { name: 'New number' }).click();
  await page.getByLabel('Number', { exact: true }).fill('+15550100077');
  await page.getByLabel('Calls are answered by').selectOption({ label: 'the document Inbound ACD' });
  await page.getByRole('button', { name: 'Create', exact: true }).click();
  await page.getByRole('heading', { name: '+1 555 010 0077' }).waitFor();
  await admin.looks('admin-numbers');
  await stage.does('calls', { name: 'maria', from: '+15558880077', to: '+15550100077', tone: 800 });
  // After the greeting of that document.
  await stage.does('hears', { name: 'maria', what: 'music' });
  await stage.does('rings', { user: 'ana', name: 'ana' });
  await stage.does('hangs-up', { name: 'maria' });
});

test('prompts are uploaded, spoken, heard, replaced, and kept while something plays them', async () => {
  const { page } = admin;
  await opens('Prompts and music');
  await page.getByText('There is no prompt yet.').waitFor();
  await admin.looks('admin-prompts-empty');
  await page.getByRole('button', { name: 'New prompt' }).click();
  await page.getByLabel('Name', { exact: true }).fill('Waiting');
  const upload = page.getByLabel('Audio file', { exact: true });
  await upload.setInputFiles({ name: 'music.wav', mimeType: 'audio/wav', buffer: Buffer.from('this is no audio') });
  await page.getByRole('button', { name: 'Create', exact: true }).click();
  await page.getByRole('alert').filter({ hasText: 'it is neither WAV nor MP3' }).waitFor();
  await upload.setInputFiles({ name: 'music.wav', mimeType: 'audio/wav', buffer: tone(1200) });
  await page.getByRole('button', { name: 'Create', exact: true }).click();
  await page.getByRole('heading', { name: 'Waiting', level: 3 }).waitFor();
  assert.equal(await admin.plays('Listen to Waiting'), 1200);

  await page.getByRole('button', { name: 'New prompt' }).click();
  await page.getByLabel('Name', { exact: true }).fill('Away');
  await page.getByRole('radio', { name: 'words that are spoken' }).check();
  await page.getByLabel('What is said').fill('Nobody is here now. Please leave a message.');
  await page.getByRole('button', { name: 'Create', exact: true }).click();
  await page.getByRole('heading', { name: 'Away', level: 3 }).waitFor();
  const seconds = await page.getByLabel('Listen to Away').evaluate((audio) => new Promise((known, fails) => {
    audio.onloadedmetadata = () => known(audio.duration);
    audio.onerror = () => fails(new Error(audio.error?.message));
    audio.preload = 'metadata';
    audio.load();
  }));
  assert.ok(seconds > 1.5, `${seconds} s`);
  await admin.looks('admin-prompts');

  // What waits hears it.
  await page.getByLabel('Who waits, is held or parked hears').selectOption({ label: 'Waiting' });
  await page.getByRole('button', { name: 'Set the music' }).click();
  await said('From now on callers who wait hear this.');
  await stage.does('number', { number: '+15550130088', twiml: '<Response><Enqueue>nobody</Enqueue></Response>' });
  await stage.does('calls', { name: 'lin', from: '+15558880088', to: '+15550130088', tone: 800 });
  await stage.does('hears', { name: 'lin', what: 1200 });
  await item('Waiting').click();
  await page.getByLabel('Audio file', { exact: true }).setInputFiles({ name: 'other.wav', mimeType: 'audio/wav', buffer: tone(1600) });
  await page.getByRole('button', { name: 'Save', exact: true }).click();
  await admin.until(async () => (await admin.plays('Listen to Waiting')) === 1600, 'it is replaced');
  await page.getByRole('button', { name: 'Remove', exact: true }).click();
  await page.getByRole('button', { name: 'Yes, remove' }).click();
  await page.getByRole('alert').filter({ hasText: 'is still played by the hold music' }).waitFor();
  await stage.does('hangs-up', { name: 'lin' });

  // A queue's mailbox greets with one.
  await opens('Queues');
  await item('Support').click();
  await page.getByLabel('Percent of callers answered').fill('95');
  await page.getByLabel('within so many seconds').fill('10');
  await page.getByRole('button', { name: 'Set the service level' }).click();
  await said('The queue board measures by this from now on.');
  await page.getByLabel('Callers who may leave a message hear').selectOption({ label: 'the prompt Away' });
  await page.getByRole('button', { name: 'Set the greeting' }).click();
  await said('From now on callers hear this greeting.');
  await admin.looks('admin-queue-greeting');
  await opens('Prompts and music');
  await page.getByLabel('Who waits, is held or parked hears').selectOption({ label: "Tandem's own music" });
  await page.getByRole('button', { name: 'Set the music' }).click();
  await item('Waiting').click();
  await page.getByRole('button', { name: 'Remove', exact: true }).click();
  await page.getByRole('button', { name: 'Yes, remove' }).click();
  await item('Waiting').waitFor({ state: 'detached' });
});

test('activities are made, renamed and removed', async () => {
  const { page } = admin;
  await opens('Activities');
  await page.getByLabel('New activity').fill('Training');
  await page.getByRole('button', { name: 'Create', exact: true }).click();
  await said('Training is saved.');
  const name = page.getByLabel('Name of Training');
  await name.fill('Coaching');
  await name.press('Tab');
  await said('Coaching is saved.');
  await admin.looks('admin-activities');
  const row = page.getByRole('row').filter({ has: page.getByLabel('Name of Coaching') });
  await row.getByRole('button', { name: 'Remove' }).click();
  await row.getByRole('button', { name: 'Yes, remove' }).click();
  await said('Coaching is gone.');
  await page.getByLabel('Name of Coaching').waitFor({ state: 'detached' });
});

test('the trunk and the phones that are registered are shown', async () => {
  await opens('Trunks and phones');
  await admin.page.getByRole('row').filter({ hasText: 'sip:127.0.0.1' }).first().waitFor();
  await admin.page.getByRole('rowheader', { name: 'ana' }).waitFor();
  await admin.looks('admin-lines');
});

test('users have roles, and who is none of them changes nothing', async () => {
  const { page } = admin;
  await opens('Users and roles');
  await item('dee').click();
  await page.getByRole('combobox', { name: 'Role' }).selectOption({ label: 'Supervisor' });
  await page.getByRole('button', { name: 'Save' }).click();
  await said('dee is saved.');
  await admin.looks('admin-users');
  const dee = await stage.signsIn('dee', { shift: false });
  await dee.page.getByRole('button', { name: 'Not yet, only look around' }).click();
  await dee.page.getByRole('button', { name: 'Audit' }).waitFor();
  assert.equal(await dee.page.getByRole('button', { name: 'Admin', exact: true }).count(), 0);
  const status = await dee.page.evaluate(async () => (await fetch('/tandem/v1/Users')).status);
  assert.equal(status, 403);
  await page.getByRole('button', { name: 'Audit' }).click();
  for (const act of ['Made an agent', 'Changed how many tasks an agent takes', 'Made a queue', 'Changed a workflow', 'Made a number', 'Made a prompt', 'Set the music of those who wait', 'Changed a user']) {
    await page.getByRole('cell', { name: act }).first().waitFor();
  }
  await admin.looks('admin-audit');
});

test('everything is reached by keyboard', async () => {
  const { page } = admin;
  await page.getByRole('button', { name: 'Admin', exact: true }).focus();
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: 'Agents and skills' }).waitFor();
  const parts = page.getByRole('navigation', { name: 'Administration' });
  await parts.getByRole('button', { name: 'Agents and skills' }).focus();
  await page.keyboard.press('Tab');
  assert.equal(await page.evaluate(() => document.activeElement?.textContent), 'Queues');
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: 'Queues', level: 2 }).waitFor();
});

test('nothing went wrong in the page on the way', () => {
  assert.deepEqual(admin.errors.filter((text) => !/\b40[09]\b.*\/(TaskQueues|Prompts\?.*|Prompts\/PR\w+)\)$/.test(text)), []);
});
