// Chromium with the real Voice SDK (or a station), driven by one JSON object per line on standard input; one line is
// answered for each. Each page is a browser of its own, whose fake microphone plays a file.
import { createServer } from 'node:http';
import { readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const files = {
  '/voice-sdk.js': [here('node_modules/@twilio/voice-sdk/dist/twilio.min.js'), 'text/javascript'],
  '/phone.js': [here('phone.js'), 'text/javascript'],
  '/station.js': [here('station.js'), 'text/javascript'],
};
const html = '<!doctype html><title>phone</title><script src="/voice-sdk.js"></script>' +
  '<script type="module" src="/phone.js"></script><script type="module" src="/station.js"></script>';

const server = createServer(async (request, response) => {
  const file = files[new URL(request.url, 'http://localhost').pathname];
  if (file) {
    response.setHeader('content-type', file[1]);
    return response.end(await readFile(file[0]));
  }
  response.setHeader('content-type', 'text/html');
  response.end(html);
});
await new Promise((ready) => server.listen(0, '127.0.0.1', ready));
const origin = `http://localhost:${server.address().port}/`;

const flags = (tone) => [
  '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync', '--use-fake-device-for-media-stream',
  '--use-fake-ui-for-media-stream', `--use-file-for-fake-audio-capture=${tone}`,
  '--autoplay-policy=no-user-gesture-required', '--allow-loopback-in-peer-connection', '--ignore-certificate-errors',
];

const pages = new Map();
const acts = {
  async open({ page: name, tone }) {
    const browser = await chromium.launch({
      executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', headless: true, args: flags(tone),
    });
    const page = await browser.newPage({ ignoreHTTPSErrors: true });
    page.on('console', (message) => process.stderr.write(`${name}: ${message.text()}\n`));
    page.on('pageerror', (error) => process.stderr.write(`${name}: ${error}\n`));
    await page.goto(origin);
    await page.waitForFunction(() => window.phone && window.station);
    pages.set(name, { browser, page });
  },
  call: ({ page, name, args }) =>
    pages.get(page).page.evaluate(([name, args]) => {
      const [object, method] = name.split('.');
      return window[object][method](...args);
    }, [name, args]),
  async reload({ page }) {
    await pages.get(page).page.reload();
    await pages.get(page).page.waitForFunction(() => window.phone && window.station);
  },
  async close({ page }) {
    await pages.get(page).browser.close();
    pages.delete(page);
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  const order = JSON.parse(line);
  acts[order.do](order).then(
    (value) => ({ id: order.id, ok: value ?? null }),
    (error) => ({ id: order.id, error: String(error?.message ?? error) }),
  ).then((answer) => process.stdout.write(`${JSON.stringify(answer)}\n`));
}
await Promise.allSettled([...pages.values()].map(({ browser }) => browser.close()));
server.close();
