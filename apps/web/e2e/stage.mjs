// A real Tandem with phones (the program `tandem-stage`), and a browser to sit at it.
import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';

const here = path.dirname(fileURLToPath(import.meta.url));
const root = path.resolve(here, '../../..');
const target = process.env.CARGO_TARGET_DIR ?? path.join(root, 'target');
const axeSource = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const images = path.join(root, 'docs/images');

/** How long a page may take to show something, in milliseconds. */
export const WITHIN = 20_000;

/** How long a hand takes to a button. */
const HAND_MS = 400;

const FLAGS = [
  '--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync', '--autoplay-policy=no-user-gesture-required',
];

export class Stage {
  static async open() {
    const stage = new Stage();
    stage.program = spawn(path.join(target, 'debug/tandem-stage'), { stdio: ['pipe', 'pipe', 'inherit'] });
    stage.lines = createInterface({ input: stage.program.stdout })[Symbol.asyncIterator]();
    ({ url: stage.url, workspace: stage.workspace } = await stage.answer());
    stage.browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: FLAGS });
    return stage;
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

  async close() {
    await this.browser?.close();
    this.program.stdin.end(`${JSON.stringify({ do: 'stop' })}\n`);
    await new Promise((resolve) => this.program.once('exit', resolve));
  }

  /** A user's own browser, signed in and at work. */
  async signsIn(login, { shift = true } = {}) {
    const context = await this.browser.newContext({ viewport: { width: 1360, height: 820 }, locale: 'en-GB' });
    const page = await context.newPage();
    page.setDefaultTimeout(WITHIN);
    const user = new User(this, page);
    page.on('pageerror', (error) => user.errors.push(String(error)));
    page.on('console', (message) => {
      if (message.type() === 'error') user.errors.push(`${message.text()} (${message.location().url})`);
    });
    await page.goto(`${this.url}/desk`);
    await page.getByLabel('Name').fill(login);
    await page.getByLabel('Password').fill(`${login}-demo-desk`);
    await page.getByRole('button', { name: 'Sign in' }).click();
    if (shift) {
      await page.getByRole('button', { name: 'Start shift' }).click();
      await page.getByRole('heading', { name: 'My work' }).waitFor();
    }
    return user;
  }
}

export class User {
  errors = [];
  constructor(stage, page) {
    this.stage = stage;
    this.page = page;
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
