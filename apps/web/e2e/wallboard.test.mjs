// Charts beside the boards, with a table of the same figures, and the wallboard: live from the stream.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Stage, User } from './stage.mjs';

const QUEUE = '+15550130031';

let stage, kim, wall;
const waits = (name, from) => stage.does('calls', { name, from, to: QUEUE, tone: 800 });

before(async () => {
  stage = await Stage.open();
  await stage.does('number', { number: QUEUE, twiml: '<Response><Enqueue workflowSid="${workflow:Inbound ACD}"/></Response>' });
  for (const worker of ['ana', 'bo', 'kim']) await stage.does('says', { worker, activity: 'Break' });
  kim = await stage.signsIn('kim', { shift: false });
  await kim.page.getByRole('button', { name: 'Not yet, only look around' }).click();
});

after(() => stage?.close());

test('charts of the queues follow the calls, and say the same as tables', async () => {
  const { page } = kim;
  await page.getByRole('button', { name: 'Queues' }).click();
  const now = page.getByRole('region', { name: 'Waiting now' });
  await now.getByText('Nobody waits.').waitFor();
  await waits('maria', '+15558880031');
  await now.getByText('1 waits in 1 queue; most in Inbound ACD: 1.').waitFor();
  await waits('omar', '+15558880032');
  await now.getByText('2 wait in 1 queue; most in Inbound ACD: 2.').waitFor();
  await now.getByRole('button', { name: 'Table' }).click();
  await now.getByRole('row', { name: 'Inbound ACD 2' }).waitFor();
  assert.equal(await now.getByRole('img').count(), 0);
  const over = page.getByRole('region', { name: 'Waiting over time' });
  await over.getByText('at most 2 waited in one queue').waitFor();
  const volume = page.getByRole('region', { name: 'Tasks by quarter of an hour' });
  // What came a moment ago is asked for once a minute: the page is opened anew.
  await page.getByRole('button', { name: 'Team' }).click();
  await page.getByRole('region', { name: 'Agents by activity' }).getByText('3 agents: 3 Break.').waitFor();
  await kim.looks('team-chart');
  await page.getByRole('button', { name: 'Queues' }).click();
  await volume.getByText('2 tasks came in two hours, 0 of them left.').waitFor();
  await kim.looks('queues-charts');
});

test('agents see no charts of the floor', async () => {
  const bo = await stage.signsIn('bo', { shift: false });
  await bo.page.getByRole('button', { name: 'Not yet, only look around' }).click();
  await bo.page.getByRole('button', { name: 'Queues' }).click();
  await bo.page.getByRole('rowheader', { name: 'Inbound ACD' }).waitFor();
  assert.equal(await bo.page.getByRole('region', { name: 'Waiting now' }).count(), 0);
  assert.deepEqual(bo.errors, []);
  await bo.page.context().close();
});

test('the wallboard is live, says in words what is wrong, and is left for the desk', async () => {
  const page = await kim.page.context().newPage();
  page.setDefaultTimeout(20_000);
  wall = new User(stage, page);
  page.on('pageerror', (error) => wall.errors.push(String(error)));
  await page.goto(`${stage.url}/desk/wallboard`);
  await page.getByRole('heading', { name: 'Wallboard' }).waitFor();
  const row = page.getByRole('row').filter({ has: page.getByRole('rowheader', { name: 'Inbound ACD' }) });
  await row.getByText('⚠ nobody free').waitFor();
  const tile = (name) => page.locator('.tile').filter({ hasText: name });
  await tile('Waiting').getByText('2', { exact: true }).waitFor();
  await tile('Agents free').getByText('of 0').waitFor();
  await wall.looks('wallboard');
  await stage.does('hangs-up', { name: 'omar' });
  await tile('Waiting').getByText('1', { exact: true }).waitFor();
  await stage.does('hangs-up', { name: 'maria' });
  await tile('Waiting').getByText('0', { exact: true }).waitFor();
  await row.getByText('fine').waitFor();
  await page.getByRole('button', { name: 'Back to the desk' }).click();
  await page.getByRole('heading', { name: 'Good to see you, Kim' }).or(page.getByRole('navigation', { name: 'Pages' })).first().waitFor();
  assert.deepEqual(wall.errors, []);
});

test('the wallboard says when it is not live any more', async () => {
  const page = await kim.page.context().newPage();
  page.setDefaultTimeout(20_000);
  await page.goto(`${stage.url}/desk/wallboard`);
  await page.getByText('Live', { exact: true }).waitFor();
  await kim.page.context().setOffline(true);
  await page.getByText('Connection lost: last update').waitFor();
  await kim.page.context().setOffline(false);
  await page.getByText('Live', { exact: true }).waitFor();
});

test('the queue board measures by service levels, and boards and charts are saved as CSV', async () => {
  const { page } = kim;
  await stage.does('phone', { user: 'ana', tone: 440 });
  await stage.does('says', { worker: 'ana', activity: 'Available' });
  await waits('lin', '+15558880033');
  await stage.does('rings', { user: 'ana', name: 'ana' });
  await stage.does('answers', { name: 'ana' });
  await stage.does('hears', { name: 'lin', what: 440 });
  const row = page.getByRole('row').filter({ has: page.getByRole('rowheader', { name: 'Inbound ACD' }) });
  const shows = async (target, text) => {
    await stage.does('put', { path: '/ServiceLevel', body: target });
    await page.getByRole('button', { name: 'Team' }).click();
    await page.getByRole('button', { name: 'Queues' }).click();
    await row.getByText(text).waitFor();
  };
  await shows({ seconds: 600, percent: 90, queues: {} }, 'of 90 %');
  await row.getByText('100 %').waitFor();
  // Two gave up before: by a target of a second they are late.
  await shows({ seconds: 1, percent: 95, queues: {} }, 'below 95 %');
  await kim.looks('queues-level');
  const saved = async (button) => {
    const [file] = await Promise.all([page.waitForEvent('download'), button.click()]);
    assert.match(file.suggestedFilename(), /^[a-z0-9-]+-\d{4}-\d\d-\d\d\.csv$/);
    return readFileSync(await file.path(), 'utf8').replace('\ufeff', '').trimEnd().split('\r\n');
  };
  const [head, ...queues] = await saved(page.getByRole('button', { name: 'Save as CSV' }));
  assert.match(head, /^Queue,Waiting,/);
  assert.match(queues.find((line) => line.startsWith('Inbound ACD,')), /^Inbound ACD,0,,1,0,\d,\d,\d+,95 % \/ 1 s$/);
  const [, ...waiting] = await saved(page.getByRole('button', { name: 'Waiting now as CSV' }));
  assert.ok(waiting.includes('Inbound ACD,0'), waiting.join('; '));
  await page.getByRole('button', { name: 'Team' }).click();
  const [, ...team] = await saved(page.getByRole('button', { name: 'Save as CSV' }));
  assert.equal(team.length, 3);
  assert.match(team.find((line) => line.startsWith('Ana Lind,')), /^Ana Lind,1001,Available,\d+,/);
  await stage.does('hangs-up', { name: 'lin' });
});

test('charts and administration are no part of what a desk loads first', () => {
  const folder = fileURLToPath(new URL('../dist/app', import.meta.url));
  const page = readFileSync(path.join(folder, 'index.html'), 'utf8');
  const first = [...page.matchAll(/assets\/[\w.-]+/g)].map(([name]) => name);
  const all = readdirSync(path.join(folder, 'assets'));
  for (const late of ['admin', 'wallboard']) assert.ok(all.some((name) => name.startsWith(late)) && !first.some((name) => name.includes(late)), late);
});

test('nothing went wrong in the page on the way', () => {
  assert.deepEqual(kim.errors.filter((text) => !/ERR_INTERNET_DISCONNECTED/.test(text)), []);
});
