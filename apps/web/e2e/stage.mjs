// A real Tandem with phones (the program `tandem-stage`), and a browser to sit at it.
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { tmpdir } from 'node:os';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';

const here = path.dirname(fileURLToPath(import.meta.url));
const root = path.resolve(here, '../../..');
const target = process.env.CARGO_TARGET_DIR ?? path.join(root, 'target');
const axeSource = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
// What a run of the tests sees is beside the build; TANDEM_IMAGES=write renews the pictures of the documents.
const images = process.env.TANDEM_IMAGES === 'write' ? path.join(root, 'docs/images') : path.join(target, 'images');

/** The account of a server in dev mode. */
const ACCOUNT = `AC${'1'.padStart(32, '0')}`;
const TOKEN = 'tandem-dev-token';

/** How long a page may take to show something, in milliseconds. */
export const WITHIN = 20_000;

/** How long a hand takes to a button. */
const HAND_MS = 400;

const FLAGS = [
  '--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync', '--autoplay-policy=no-user-gesture-required',
];

/** The voices that people may have, in Hz: those that the phones of the stage know. */
const TONES = [440, 620, 800, 1000, 1200, 1400, 1600, 1850, 2100, 2400];

/** How far a heard tone may be off, in Hz: what one bin of the analyser is wide. */
const TONE_OFF = 25;

/** Flags of a browser whose microphone plays a file. */
const speaks = (file) => [
  '--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream', `--use-file-for-fake-audio-capture=${file}`,
  '--allow-loopback-in-peer-connection',
];

/** A second of a tone as 16-bit mono WAV; it is played over and over. */
export function tone(hz) {
  const rate = 48_000;
  const file = Buffer.alloc(44 + rate * 2);
  file.write('RIFF', 0);
  file.writeUInt32LE(36 + rate * 2, 4);
  file.write('WAVEfmt ', 8);
  file.writeUInt32LE(16, 16);
  file.writeUInt16LE(1, 20);
  file.writeUInt16LE(1, 22);
  file.writeUInt32LE(rate, 24);
  file.writeUInt32LE(rate * 2, 28);
  file.writeUInt16LE(2, 32);
  file.writeUInt16LE(16, 34);
  file.write('data', 36);
  file.writeUInt32LE(rate * 2, 40);
  for (let i = 0; i < rate; i += 1) file.writeInt16LE(Math.round(6_000 * Math.sin((2 * Math.PI * hz * i) / rate)), 44 + i * 2);
  return file;
}

export class Stage {
  browsers = [];

  /** `more`: settings of the server, as variables of its environment. */
  static async open(more = {}) {
    const stage = new Stage();
    const env = { ...process.env, ...more };
    stage.program = spawn(path.join(target, 'debug/tandem-stage'), { stdio: ['pipe', 'pipe', 'inherit'], env });
    stage.lines = createInterface({ input: stage.program.stdout })[Symbol.asyncIterator]();
    ({ url: stage.url, workspace: stage.workspace } = await stage.answer());
    stage.folder = mkdtempSync(path.join(tmpdir(), 'tandem-e2e-'));
    stage.browser = await stage.chromium();
    return stage;
  }

  async chromium(more = []) {
    const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: [...FLAGS, ...more] });
    this.browsers.push(browser);
    return browser;
  }

  async answer() {
    const { value, done } = await this.lines.next();
    if (done) throw new Error('tandem-stage has ended');
    const { ok, failed } = JSON.parse(value);
    if (failed !== undefined) throw new Error(failed);
    return ok;
  }

  /** Tells the stage to do something, and waits until it has. */
  async does(what, more = {}) {
    this.program.stdin.write(`${JSON.stringify({ do: what, ...more })}\n`);
    return this.answer();
  }

  /** Asks the 2010 API as an application does; with a `form`, posts it. */
  async rest(path, form) {
    const authorization = `Basic ${Buffer.from(`${ACCOUNT}:${TOKEN}`).toString('base64')}`;
    const post = form && { method: 'POST', body: new URLSearchParams(form) };
    const answer = await fetch(`${this.url}/2010-04-01/Accounts/${ACCOUNT}/${path}`, { headers: { authorization }, ...post });
    if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
    return answer.json();
  }

  /** Waits until the timeline of a customer's call has these lines, one after the other. */
  async told(number, ...lines) {
    const authorization = `Basic ${Buffer.from(`${ACCOUNT}:${TOKEN}`).toString('base64')}`;
    const end = Date.now() + WITHIN;
    let story = [];
    while (Date.now() < end) {
      const { calls } = await this.rest(`Calls.json?From=${encodeURIComponent(number)}`);
      const theirs = calls.find((one) => one.direction === 'inbound');
      const answer = await fetch(`${this.url}/tandem/v1/Calls/${theirs?.sid}/Timeline`, { headers: { authorization } });
      story = answer.ok ? (await answer.json()).timeline.map((line) => line.text) : [];
      let at = -1;
      if (lines.every((line) => (at = story.indexOf(line, at + 1)) >= 0)) return;
      await new Promise((again) => setTimeout(again, 100));
    }
    throw new Error(`never told: ${lines.join(', ')}; but ${story.join(', ')}`);
  }

  async close() {
    await Promise.all(this.browsers.map((browser) => browser.close()));
    rmSync(this.folder, { recursive: true });
    this.program.stdin.end(`${JSON.stringify({ do: 'stop' })}\n`);
    await new Promise((resolve) => this.program.once('exit', resolve));
  }

  /** Who of these users is offered the call. */
  async whoRings(users, number) {
    const end = Date.now() + WITHIN;
    for (;;) {
      for (const user of users) if ((await user.row(number, 'ringing').count()) > 0) return user;
      if (Date.now() > end) throw new Error(`${number} rings nowhere`);
      await users[0].page.waitForTimeout(50);
    }
  }

  /**
   * A user's own browser, signed in and at work. With `tone`, the browser is their phone, and this is their voice; else it is the
   * SIP phone on their table. `shift`: false stops before its start. `relayed`: the browser reaches TURN servers only.
   */
  async signsIn(login, { shift = true, tone: hz, relayed = false } = {}) {
    let { browser } = this;
    if (hz) {
      const file = path.join(this.folder, `${hz}.wav`);
      writeFileSync(file, tone(hz));
      browser = await this.chromium(speaks(file));
    }
    const context = await browser.newContext({ viewport: { width: 1360, height: 820 }, locale: 'en-GB' });
    // As an agent with a good headset sets it: a tone is what the clean-up takes out.
    await context.addInitScript(() => {
      if (!localStorage.getItem('tandem.devices')) localStorage.setItem('tandem.devices', JSON.stringify({ raw: true }));
    });
    if (relayed) await context.addInitScript(onlyRelayed);
    const page = await context.newPage();
    page.setDefaultTimeout(WITHIN);
    const user = new User(this, page);
    user.watch();
    await page.goto(`${this.url}/desk`);
    await page.getByLabel('Name').fill(login);
    await page.getByLabel('Password').fill(`${login}-demo-desk`);
    await page.getByRole('button', { name: 'Sign in' }).click();
    if (shift) {
      await page.getByRole('radio', { name: hz ? 'This browser' : 'The phone' }).check();
      await page.getByRole('button', { name: 'Start shift' }).click();
      await page.getByRole('heading', { name: 'My work' }).waitFor();
    }
    if (shift && hz) await user.phoneIsUp();
    return user;
  }
}

/** Runs in the page: every connection goes over a relay, and is kept in `peers`. */
function onlyRelayed() {
  const Real = window.RTCPeerConnection;
  window.peers = [];
  window.RTCPeerConnection = class extends Real {
    constructor(configuration) {
      super({ ...configuration, iceTransportPolicy: 'relay' });
      window.peers.push(this);
    }

    setConfiguration(configuration) {
      super.setConfiguration({ ...configuration, iceTransportPolicy: 'relay' });
    }
  };
}

export class User {
  errors = [];
  constructor(stage, page) {
    this.stage = stage;
    this.page = page;
  }

  /** Notes what goes wrong in the page. */
  watch() {
    this.page.on('pageerror', (error) => this.errors.push(String(error)));
    this.page.on('console', (message) => {
      if (message.type() === 'error') this.errors.push(`${message.text()} (${message.location().url})`);
    });
  }

  /** The row of the strip that is about this number. */
  row(number, state) {
    const rows = this.page.getByRole('region', { name: 'Calls' }).locator(state ? `[data-state="${state}"]` : '[data-state]');
    return rows.filter({ hasText: number });
  }

  async sees(number, state) {
    await this.row(number, state).first().waitFor();
  }

  async seesNo(number) {
    await this.row(number).first().waitFor({ state: 'detached' });
  }

  /** Presses a button in the row of a number, or anywhere. */
  async presses(button, number) {
    const place = number ? this.row(number) : this.page;
    const found = place.getByRole('button', { name: button, exact: typeof button === 'string' }).first();
    await found.waitFor();
    // A button that was just shown ignores presses for 0.3 s, which no hand is faster than.
    await this.page.waitForTimeout(HAND_MS);
    await found.click();
  }

  /** Waits until something holds. */
  async until(holds, what) {
    const end = Date.now() + WITHIN;
    while (!(await holds())) {
      if (Date.now() > end) throw new Error(`never: ${what}`);
      await this.page.waitForTimeout(50);
    }
  }

  /** Calls a number from the desk. */
  async dials(number) {
    await this.presses('Dial a number');
    await this.page.getByLabel('To', { exact: true }).fill(number);
    await this.page.getByRole('button', { name: 'Call', exact: true }).click();
  }

  /** Ends the wrap-up. */
  async completes() {
    await this.page.getByRole('button', { name: 'Complete', exact: true }).click();
    await this.page.getByRole('button', { name: 'Complete', exact: true }).waitFor({ state: 'detached' });
  }

  /** The same user in another tab, at work. */
  async opensAnotherPage() {
    const page = await this.page.context().newPage();
    page.setDefaultTimeout(WITHIN);
    const other = new User(this.stage, page);
    await page.goto(`${this.stage.url}/desk`);
    await page.getByRole('button', { name: 'Start shift' }).click();
    await other.phoneIsUp();
    return other;
  }

  /** The phone in the page is connected, and audio flows. */
  async phoneIsUp() {
    await this.page.getByText('Line good').waitFor();
  }

  /** What comes out of the phone in the page: a tone in Hz, or `silence`. */
  async hears(what) {
    await this.hearsAll(what === 'silence' ? [] : [what]);
  }

  /** These tones at once, and no other, out of the element that plays them. */
  async hearsAll(tones, ear = 'ear') {
    const heard = await this.page.evaluate(listen, { ear, tones, known: TONES, off: TONE_OFF, within: WITHIN });
    const want = [...tones].sort((a, b) => a - b).join('+') || 'silence';
    if (heard !== want) throw new Error(`heard ${heard}, not ${want}`);
  }

  /** Something with many tones, as speech has, out of the element that plays them. */
  async hearsSpeech(ear = 'ear') {
    const notes = await this.page.evaluate(listenForNotes, { ear, within: WITHIN });
    if (notes < SPOKEN) throw new Error(`heard ${notes} notes, which is no speech`);
  }

  /** The loudest tone in what a player of the page would play, in Hz. */
  async plays(label) {
    return this.page.getByLabel(label, { exact: true }).evaluate(loudestIn);
  }

  /** axe on the page as it is, in both themes, and a picture of it. */
  async looks(name) {
    for (const scheme of ['light', 'dark']) {
      await this.page.emulateMedia({ colorScheme: scheme, reducedMotion: 'reduce' });
      mkdirSync(images, { recursive: true });
      await this.page.screenshot({ path: path.join(images, `${name}-${scheme}.png`) });
      // In a world of its own: the page's policy allows no script but its own.
      const session = await this.page.context().newCDPSession(this.page);
      const { frameTree } = await session.send('Page.getFrameTree');
      const { executionContextId } = await session.send('Page.createIsolatedWorld', { frameId: frameTree.frame.id });
      const evaluate = async (expression) => {
        const { result, exceptionDetails } = await session.send('Runtime.evaluate', {
          expression, contextId: executionContextId, awaitPromise: true, returnByValue: true,
        });
        if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
        return result.value;
      };
      await evaluate(axeSource);
      const found = await evaluate(`axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] })
        .then((r) => r.violations.map((v) => v.id + ': ' + v.nodes.map((n) => n.html.slice(0, 160) + ' ' + n.failureSummary).join(' | ')))`);
      await session.detach();
      if (found.length > 0) throw new Error(`${name}, ${scheme}: ${found.join('\n')}`);
    }
    await this.page.emulateMedia({ colorScheme: null });
  }
}

/** The page of simulated customers, in another tab of somebody who has signed in. */
export class Customers extends User {
  static async open(by) {
    const page = await by.page.context().newPage();
    page.setDefaultTimeout(WITHIN);
    const customers = new Customers(by.stage, page);
    customers.watch();
    await page.goto(`${by.stage.url}/phone`);
    return customers;
  }

  /** Somebody's phone. */
  phone(name) {
    return this.page.getByRole('article', { name, exact: true });
  }

  /** Their call is in this state: `calling`, `ringing`, `live` or `none`. */
  async isIn(name, state) {
    const number = await this.phone(name).getAttribute('data-number');
    await this.page.locator(`[data-number="${number}"][data-call="${state}"]`).waitFor();
  }

  /** Dials one of the numbers that the page offers, by its name. */
  async dials(name, to) {
    const box = this.phone(name).getByRole('combobox', { name: 'To', exact: true });
    const option = await box.locator('option').filter({ hasText: to }).getAttribute('value');
    await box.selectOption(option);
    await this.press(name, 'Call');
  }

  async press(name, button) {
    await this.phone(name).getByRole('button', { name: button, exact: true }).click();
  }

  async keys(name, keys) {
    for (const key of keys) await this.press(name, key);
  }

  /** What comes out of their phone, and what the page says of it: a tone in Hz, `Music`, `Speech` or `Silence`. */
  async hear(name, what) {
    const said = this.phone(name).locator('.heard');
    if (typeof what === 'string') return said.filter({ hasText: what }).waitFor();
    const number = await this.phone(name).getAttribute('data-number');
    await this.hearsAll([what], `ear-${number.replace('+', '')}`);
    const told = async () => Math.abs(Number(/^Tone (\d+) Hz$/.exec(await said.textContent())?.[1]) - what) <= TONE_OFF;
    return this.until(told, `the page says that ${name} hears ${what} Hz`);
  }
}

/** Different notes, 35 Hz apart, that are the loudest one after the other when somebody speaks. A tone is one, or two at an edge. */
const SPOKEN = 4;

/** Runs in the page: how many different notes are the loudest one after the other. */
async function listenForNotes({ ear, within }) {
  const context = new AudioContext({ sampleRate: 48_000 });
  await context.resume();
  const analyser = new AnalyserNode(context, { fftSize: 4096, smoothingTimeConstant: 0 });
  context.createMediaStreamSource(document.getElementById(ear).srcObject).connect(analyser);
  const bins = new Float32Array(analyser.frequencyBinCount);
  const notes = new Set();
  try {
    for (const end = performance.now() + within; performance.now() < end && notes.size < 6; ) {
      await new Promise((done) => setTimeout(done, 50));
      analyser.getFloatFrequencyData(bins);
      const loudest = Math.max(...bins);
      if (loudest > -70) notes.add(Math.round(bins.indexOf(loudest) / 3));
    }
    return notes.size;
  } finally {
    await context.close();
  }
}

/** Runs in the page: the tone that most of a recording is. */
async function loudestIn(audio) {
  const answer = await fetch(audio.src);
  if (!answer.ok) throw new Error(`${audio.src}: ${answer.status}`);
  const context = new OfflineAudioContext(1, 1, 8_000);
  const samples = (await context.decodeAudioData(await answer.arrayBuffer())).getChannelData(0);
  let [most, found] = [0, 0];
  for (let hz = 300; hz <= 2_500; hz += 10) {
    let [re, im] = [0, 0];
    for (let i = 0; i < samples.length; i += 1) {
      const angle = (2 * Math.PI * hz * i) / 8_000;
      re += samples[i] * Math.cos(angle);
      im += samples[i] * Math.sin(angle);
    }
    const power = re * re + im * im;
    if (power > most) [most, found] = [power, hz];
  }
  return found;
}

/** Runs in the page: listens until it hears exactly these tones, and answers them, or what it heard last. */
async function listen({ ear, tones, known, off, within }) {
  const context = new AudioContext({ sampleRate: 48_000 });
  await context.resume();
  const end = performance.now() + within;
  const want = [...tones].sort((a, b) => a - b).join('+') || 'silence';
  let heard = 'nothing at all';
  let source;
  let stream;
  const analyser = new AnalyserNode(context, { fftSize: 4096, smoothingTimeConstant: 0 });
  const bins = new Float32Array(analyser.frequencyBinCount);
  const bin = (hz) => Math.round((hz * analyser.fftSize) / context.sampleRate);
  const wide = Math.ceil(bin(off));
  try {
    for (let steady = 0; performance.now() < end; ) {
      const now = document.getElementById(ear)?.srcObject;
      if (now && now !== stream) {
        source?.disconnect();
        stream = now;
        source = context.createMediaStreamSource(stream);
        source.connect(analyser);
      }
      await new Promise((done) => setTimeout(done, 50));
      analyser.getFloatFrequencyData(bins);
      const loudest = Math.max(...bins);
      const level = (hz) => Math.max(...bins.slice(bin(hz) - wide, bin(hz) + wide + 1));
      // Of voices that speak at once, none is much softer than another.
      const there = known.filter((hz) => level(hz) > -70 && level(hz) > loudest - 12);
      const peak = bins.indexOf(loudest);
      const strange = loudest > -70 && !there.some((hz) => Math.abs(bin(hz) - peak) <= wide);
      heard = strange ? `something at ${Math.round((peak * context.sampleRate) / analyser.fftSize)} Hz` : there.join('+') || 'silence';
      steady = heard === want ? steady + 1 : 0;
      // For a quarter of a second: what is left of another sound does not count.
      if (steady >= 5) return heard;
    }
    return heard;
  } finally {
    await context.close();
  }
}
