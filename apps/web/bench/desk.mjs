// How fast the desk is: from an offer to its ring on the screen with many desks connected, and from a click to the next picture
// with many tasks on the boards. Run by scripts/bench-desk.sh against a server of its own; prints the lines of the table in
// docs/benchmarks.md.
import { chromium } from 'playwright-core';
import WebSocket from 'ws';

const { TANDEM_URL: url, TANDEM_ACCOUNT_SID: account, TANDEM_AUTH_TOKEN: token } = process.env;
const DESKS = Number(process.env.DESKS ?? 200);
const OFFERS = Number(process.env.OFFERS ?? 400);
const TASKS = Number(process.env.TASKS ?? 500);
const ROUNDS = Number(process.env.ROUNDS ?? 40);
/** Desks that sign in at once: passwords are slow on purpose. */
const AT_ONCE = 4;
/** Offers a second: a busy hour of two hundred agents. */
const OFFERS_A_SECOND = 20;
const LATE_MS = 20_000;
const PASSWORD = 'bench-of-the-desk';

const basic = `Basic ${Buffer.from(`${account}:${token}`).toString('base64')}`;
const pause = (ms) => new Promise((done) => setTimeout(done, ms));

async function ask(method, path, form) {
  const headers = { Authorization: basic };
  const body = form && new URLSearchParams(form);
  const response = await fetch(`${url}${path}`, { method, headers, ...(body ? { body } : {}) });
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
  return response.status === 204 ? null : response.json();
}

/** Does something with each, so many at once. */
async function each(all, atOnce, act) {
  const left = [...all];
  await Promise.all(Array.from({ length: atOnce }, async () => {
    for (let one = left.shift(); one !== undefined; one = left.shift()) await act(one);
  }));
}

const at = (sorted, part) => sorted[Math.min(sorted.length - 1, Math.ceil(part * sorted.length) - 1)];
function quantiles(values) {
  const sorted = [...values].sort((a, b) => a - b);
  return [0.5, 0.99, 1].map((part) => at(sorted, part).toFixed(0)).join(' / ');
}

/** A workspace whose agents each have a queue, so that it is known whom a task is offered to. */
async function floor() {
  const ws = (await ask('POST', '/taskrouter/v1/Workspaces', { FriendlyName: 'Bench', Template: 'NONE' })).sid;
  const base = `/taskrouter/v1/Workspaces/${ws}`;
  const { activities } = await ask('GET', `${base}/Activities?PageSize=100`);
  const free = activities.find((one) => one.available)
    ?? (await ask('POST', `${base}/Activities`, { FriendlyName: 'Available', Available: 'true' }));
  const everyone = await ask('POST', `${base}/TaskQueues`, { FriendlyName: 'Everyone', TargetWorkers: '1==1' });
  const nobody = await ask('POST', `${base}/TaskQueues`, { FriendlyName: 'Nobody', TargetWorkers: '1==2' });
  const filter = (expression, target) => ({ filter_friendly_name: expression, expression, targets: [target] });
  const configuration = { task_routing: { filters: [
    filter('waits == true', { queue: nobody.sid }),
    filter('1==1', { queue: everyone.sid, expression: 'task.who == worker.who' }),
  ] } };
  const workflow = await ask('POST', `${base}/Workflows`, { FriendlyName: 'Bench', TaskReservationTimeout: '300', Configuration: JSON.stringify(configuration) });
  return { ws, base, free: free.sid, workflow: workflow.sid };
}

async function agent({ ws, base, free }, who) {
  const attributes = JSON.stringify({ who, full_name: `Agent ${who}`, contact_uri: `sip:agent-${who}@bench.invalid` });
  const worker = await ask('POST', `${base}/Workers`, { FriendlyName: `agent-${who}`, ActivitySid: free, Attributes: attributes });
  await ask('POST', '/tandem/v1/Users', { login: `agent-${who}`, password: PASSWORD, role: who === 0 ? 'supervisor' : 'agent', workspace_sid: ws, worker_sid: worker.sid });
  return worker.sid;
}

/** A desk without a screen: notes when each offer arrives. */
async function listens(who, offers) {
  const response = await fetch(`${url}/tandem/v1/Session`, {
    method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ login: `agent-${who}`, password: PASSWORD }),
  });
  if (!response.ok) throw new Error(`agent-${who} could not sign in: ${response.status}`);
  const cookie = response.headers.get('set-cookie').split(';')[0];
  const socket = new WebSocket(`${url.replace('http', 'ws')}/tandem/v1/desk`, { headers: { cookie } });
  await new Promise((open, fail) => {
    socket.on('message', (data) => {
      const message = JSON.parse(data);
      if (message.type === 'snapshot') open();
      if (message.type === 'event' && message.event.kind === 'call' && message.event.call.state === 'ringing') {
        offers.push(Date.now() - Date.parse(message.event.call.since));
      }
    });
    socket.on('error', fail);
  });
  return socket;
}

async function screen(browser, who) {
  const page = await (await browser.newContext({ viewport: { width: 1360, height: 820 }, locale: 'en-GB' })).newPage();
  await page.goto(`${url}/desk`);
  await page.getByLabel('Name').fill(`agent-${who}`);
  await page.getByLabel('Password').fill(PASSWORD);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('button', { name: 'Start shift' }).waitFor();
  // No phone is needed to be offered work.
  await page.getByRole('radio', { name: 'The phone' }).check();
  await page.getByRole('button', { name: 'Start shift' }).click();
  await page.getByRole('heading', { name: 'My work' }).waitFor();
  return page;
}

/** From the moment of an offer, as the server decided it, to the frame in which the row of the strip is drawn. */
async function rings(place, browser) {
  const page = await screen(browser, 0);
  await page.evaluate(() => {
    window.shown = [];
    const known = new Set();
    new MutationObserver(() => {
      for (const row of document.querySelectorAll('[data-state="ringing"]')) {
        const { call } = row.dataset;
        if (known.has(call)) continue;
        known.add(call);
        // The frame after the one that draws it: what is measured is never too short.
        requestAnimationFrame(() => setTimeout(() => window.shown.push([call, Date.now()])));
      }
    }).observe(document.body, { childList: true, subtree: true, attributes: true });
  });
  const offers = [];
  const desks = [];
  const numbers = Array.from({ length: DESKS - 1 }, (_, i) => i + 1);
  await each(numbers, AT_ONCE, async (who) => desks.push(await listens(who, offers)));
  const begun = Date.now();
  const own = [];
  for (let i = 0; i < OFFERS; i += 1) {
    // Every fourth goes to the desk with a screen, when its last offer is over.
    const who = i % 4 === 0 ? 0 : 1 + (i % (DESKS - 1));
    const attributes = JSON.stringify({ who, from: `+1555${String(1_000_000 + i)}`, type: 'inbound' });
    const task = await ask('POST', `${place.base}/Tasks`, { WorkflowSid: place.workflow, TaskChannel: 'voice', Attributes: attributes });
    if (who === 0) {
      await page.locator('[data-state="ringing"]').waitFor({ timeout: LATE_MS });
      const { reservations } = await ask('GET', `${place.base}/Tasks/${task.sid}/Reservations`);
      own.push(reservations[0].sid);
    }
    await pause(Math.max(0, begun + ((i + 1) * 1000) / OFFERS_A_SECOND - Date.now()));
    await ask('POST', `${place.base}/Tasks/${task.sid}`, { AssignmentStatus: 'canceled', Reason: 'measured' });
    if (who === 0) await page.locator('[data-state="ringing"]').waitFor({ state: 'detached', timeout: LATE_MS });
  }
  const shown = await page.evaluate(() => window.shown);
  const since = new Map();
  for (const [call, when] of shown) since.set(call, when);
  // The moment of the offer in milliseconds is in the reservation's event.
  const made = await offered(place, own);
  const drawn = own.filter((sid) => made.has(sid) && since.has(sid)).map((sid) => since.get(sid) - made.get(sid));
  for (const desk of desks) desk.close();
  return { page, offers, drawn };
}

/** When each of these reservations was made, in milliseconds. */
async function offered({ base }, sids) {
  const made = new Map();
  await each(sids, AT_ONCE, async (sid) => {
    const { events } = await ask('GET', `${base}/Events?EventType=reservation.created&ReservationSid=${sid}&Minutes=60`);
    const ms = Number(events[0]?.event_date_ms);
    if (ms) made.set(sid, ms);
  });
  return made;
}

/** From a press to the next picture, by the browser's own event timing, while tasks come and go as in a busy hour. */
async function presses(place, page) {
  const waits = Array.from({ length: TASKS }, (_, i) => i);
  const make = (i) => ask('POST', `${place.base}/Tasks`, {
    WorkflowSid: place.workflow, TaskChannel: 'voice', Attributes: JSON.stringify({ waits: true, from: `+1555${String(2_000_000 + i)}` }),
  });
  await each(waits, AT_ONCE, make);
  await page.evaluate(() => {
    window.took = [];
    new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) if (entry.interactionId) window.took.push([entry.interactionId, entry.duration, entry.startTime]);
    }).observe({ type: 'event', durationThreshold: 16, buffered: true });
  });
  let stirs = true;
  const stir = (async () => {
    const begun = Date.now();
    for (let i = 0; stirs; i += 1) {
      const task = await make(TASKS + i);
      await ask('POST', `${place.base}/Tasks/${task.sid}`, { AssignmentStatus: 'canceled', Reason: 'stirred' });
      await pause(Math.max(0, begun + ((i + 1) * 1000) / OFFERS_A_SECOND - Date.now()));
    }
  })();
  let pressed = 0;
  const begins = [];
  const press = async (name, presses, act) => {
    begins.push([await page.evaluate(() => performance.now()), name]);
    await act();
    pressed += presses;
  };
  const button = (name) => page.getByRole('navigation').getByRole('button', { name, exact: true });
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const name of ['Queues', 'Team', 'Missed', 'Desk']) await press(name, 1, () => button(name).click());
    await press('palette', 1, () => page.keyboard.press('Control+KeyK'));
    await press('typing', 3, () => page.keyboard.type('tea'));
    await press('escape', 1, () => page.keyboard.press('Escape'));
  }
  stirs = false;
  await stir;
  await pause(500);
  const took = new Map();
  const slowest = new Map();
  for (const [id, duration, at] of await page.evaluate(() => window.took)) {
    const name = begins.findLast(([begun]) => begun <= at)?.[1] ?? 'before';
    const longest = Math.max(took.get(id) ?? 0, duration);
    took.set(id, longest);
    slowest.set(name, { ...slowest.get(name), [id]: longest });
  }
  for (const [name, all] of slowest) {
    console.error(`slowest of ${name}: ${Object.values(all).sort((a, b) => b - a).slice(0, 3).join(', ')} ms`);
  }
  // What took less than 16 ms is not reported by the browser.
  return [...took.values(), ...Array(Math.max(0, pressed - took.size)).fill(8)];
}

const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--headless', '--no-sandbox', '--disable-gpu'] });
try {
  const place = await floor();
  await each(Array.from({ length: DESKS }, (_, i) => i), AT_ONCE, (who) => agent(place, who));
  const { page, offers, drawn } = await rings(place, browser);
  const pressed = await presses(place, page);
  console.log('| what | measured | p50 / p99 / max ms |');
  console.log('| --- | --- | --- |');
  console.log(`| offer made → desk told, ${DESKS} desks connected | ${offers.length} offers | ${quantiles(offers)} |`);
  console.log(`| offer made → ring drawn in the browser, ${DESKS} desks connected | ${drawn.length} offers | ${quantiles(drawn)} |`);
  console.log(`| press → next picture, ${TASKS} tasks on the boards and more coming and going | ${pressed.length} presses | ${quantiles(pressed)} |`);
} finally {
  await browser.close();
}
