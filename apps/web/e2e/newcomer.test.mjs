// Somebody who has just started Tandem and read nothing: signs in at the desk, plays the customers in another tab, and handles
// their calls. All phones are browsers.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Customers, Stage } from './stage.mjs';

const [MARIA, OMAR] = ['Maria Lopez', 'Omar Said'];
const SEEN = { maria: '+1 555 020 0001', omar: '+1 555 020 0002' };
const TONES = { ana: 440, bo: 620, maria: 800, omar: 1000 };
/** How long the caller of a network that has gone is waited for, with room for a busy machine. */
const VANISHED = 60_000;

let stage, ana, bo, customers;

before(async () => {
  stage = await Stage.open();
  // Time enough to be seen wrapping up.
  await stage.does('put', { path: '/VoicePolicy', body: { wrap_up_s: 60 } });
});

after(() => stage?.close());

test('the simulator asks for the sign-in of a desk, and is not there for nobody', async () => {
  const context = await stage.browser.newContext();
  const page = await context.newPage();
  await page.goto(`${stage.url}/phone`);
  await page.getByRole('heading', { name: 'Sign in to play customers' }).waitFor();
  const status = await page.evaluate(async () => (await fetch('/tandem/v1/Simulator')).status);
  assert.equal(status, 401);
  await page.getByLabel('Name').fill('bo');
  await page.getByLabel('Password').fill('bo-demo-desk');
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByText('Simulated customers. No real calls.').waitFor();
  const refused = await page.evaluate(async () => {
    const { csrf } = await (await fetch('/tandem/v1/Session')).json();
    const headers = { 'Content-Type': 'application/json', 'X-Tandem-Csrf': csrf };
    const ask = (number) => fetch('/tandem/v1/Simulator/Customers', { method: 'POST', headers, body: JSON.stringify({ number }) });
    return [(await ask('+15550100001')).status, (await ask('1001')).status];
  });
  assert.deepEqual(refused, [400, 400], 'nobody calls from a number of ours, or from none');
  await context.close();
});

test('an agent signs in, and opens the customers in another tab without signing in again', async () => {
  ana = await stage.signsIn('ana', { tone: TONES.ana });
  customers = await Customers.open(ana);
  await customers.phone(MARIA).getByText('Ready').waitFor();
  await customers.phone(OMAR).getByText('Ready').waitFor();
  await customers.looks('simulator-empty');
});

test('a customer calls the queue, the agent answers, and both hear each other', async () => {
  await customers.dials(MARIA, 'Inbound ACD');
  await customers.hear(MARIA, 'Speech');
  await ana.sees(SEEN.maria, 'ringing');
  await ana.presses('Answer', SEEN.maria);
  await ana.sees(SEEN.maria, 'live');
  await ana.hears(TONES.maria);
  await customers.hear(MARIA, TONES.ana);
  const loud = customers.page.getByRole('meter', { name: `How loud it is for ${MARIA}` });
  await customers.until(async () => Number(await loud.getAttribute('aria-valuenow')) > 20, 'the level moves');
});

test('another dials an extension; answering parks the first, who hears music', async () => {
  await customers.dials(OMAR, 'Direct Extension');
  await customers.isIn(OMAR, 'live');
  await customers.keys(OMAR, '1001');
  await ana.sees(SEEN.omar, 'ringing');
  await ana.presses(`Answer and park ${SEEN.maria}`, SEEN.omar);
  await ana.sees(SEEN.omar, 'live');
  await ana.sees(SEEN.maria, 'parked');
  await ana.hears(TONES.omar);
  await customers.hear(OMAR, TONES.ana);
  await customers.hear(MARIA, 'Music');
  await customers.looks('simulator');
});

test('a customer who mutes their phone is not heard', async () => {
  await customers.press(OMAR, 'Mute');
  await ana.hears('silence');
  await customers.press(OMAR, 'Mute');
  await ana.hears(TONES.omar);
});

test('the agent swaps, and swaps back', async () => {
  for (const [back, away] of [['maria', 'omar'], ['omar', 'maria'], ['maria', 'omar']]) {
    await ana.presses('Swap', SEEN[back]);
    await ana.sees(SEEN[back], 'live');
    await ana.hears(TONES[back]);
    await customers.hear(back === 'maria' ? MARIA : OMAR, TONES.ana);
    await customers.hear(away === 'maria' ? MARIA : OMAR, 'Music');
  }
});

test('a call is handed to a colleague, who talks with the customer until they hang up', async () => {
  bo = await stage.signsIn('bo', { tone: TONES.bo });
  await ana.presses('Transfer', SEEN.maria);
  await ana.page.getByRole('button', { name: 'Send: Bo Marsh' }).click();
  await bo.presses('Answer', SEEN.maria);
  await bo.sees(SEEN.maria, 'live');
  await bo.hears(TONES.maria);
  await customers.hear(MARIA, TONES.bo);
  await customers.press(MARIA, 'Hang up');
  await bo.completes();
});

test('the parked call is picked up, ended and wrapped up, and its timeline tells all of it', async () => {
  await ana.completes();
  await ana.presses('Pick up', SEEN.omar);
  await ana.sees(SEEN.omar, 'live');
  await ana.hears(TONES.omar);
  await ana.presses('End call', SEEN.omar);
  await customers.isIn(OMAR, 'none');
  await customers.phone(OMAR).getByText('The other end hung up.').waitFor();
  await ana.page.getByText('Resolved').click();
  await ana.page.getByRole('button', { name: 'Open timeline' }).click();
  await ana.page.getByRole('heading', { name: `Timeline of ${SEEN.omar}` }).waitFor();
  for (const told of [/connected with/, /parked by/, /picked up by/, 'the conversation is over']) {
    await ana.page.getByRole('cell', { name: told }).first().waitFor();
  }
  await ana.page.getByRole('button', { name: 'Desk' }).click();
  await ana.completes();
});

test('the agent calls a customer, who lets it ring, and answers the next time', async () => {
  await customers.phone(MARIA).getByText('Trouble').click();
  const manner = customers.phone(MARIA).getByRole('combobox', { name: 'When called' });
  await manner.selectOption({ label: 'Let it ring' });
  await ana.dials('+15550200001');
  await customers.isIn(MARIA, 'ringing');
  await ana.presses('End call', SEEN.maria);
  await customers.phone(MARIA).getByText('The call was not answered.').waitFor();
  await ana.seesNo(SEEN.maria);
  await manner.selectOption({ label: 'Answer at once' });
  await ana.dials('+15550200001');
  await ana.sees(SEEN.maria, 'live');
  await ana.hears(TONES.maria);
  await customers.hear(MARIA, TONES.ana);
});

test('a bad network loses packets, and one that is dropped ends the call without a goodbye', async () => {
  await customers.phone(MARIA).getByRole('combobox', { name: 'Packets lost' }).selectOption({ label: '20 %' });
  const lost = async () => Number(/([\d.]+) % lost/.exec(await customers.phone(MARIA).textContent())?.[1] ?? 0) > 2;
  await customers.until(lost, 'packets are lost');
  await customers.press(MARIA, 'Drop the network');
  await customers.phone(MARIA).getByText('Network dropped').waitFor();
  await ana.hears('silence');
  assert.equal(await ana.row(SEEN.maria, 'live').count(), 1, 'nobody said goodbye');
  await ana.row(SEEN.maria, 'live').waitFor({ state: 'detached', timeout: VANISHED });
  await customers.press(MARIA, 'Bring the network back');
  await customers.phone(MARIA).getByText('Ready').waitFor();
});

test('nothing went wrong in the pages on the way', () => {
  for (const user of [ana, bo, customers]) assert.deepEqual(user.errors, []);
});
