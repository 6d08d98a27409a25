// Single sign-on with a real provider: the npm package `oidc-provider`, on loopback, in a real browser.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { Provider } from 'oidc-provider';
import { Stage, User } from './stage.mjs';

const CLIENT = 'tandem-desk';
const SECRET = 'a secret & with signs/of its own';

/** Whom the provider knows. */
const PEOPLE = {
  ana: { preferred_username: 'Ana', groups: ['cc-agents'] },
  bo: { preferred_username: 'bo', groups: ['cc-agents', 'cc-leads'] },
  eve: { preferred_username: 'eve', groups: ['sales'] },
  nia: { preferred_username: 'nia', groups: ['cc-leads'] },
};

let stage, server, provider, issuer;

/** Listens first: the issuer has to know its port, and the server where it is. */
async function provides() {
  server = createServer((request, response) => provider.callback()(request, response));
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  issuer = `http://127.0.0.1:${server.address().port}`;
}

before(async () => {
  await provides();
  // Nobody is made on this stage: where users are made is not set.
  stage = await Stage.open(SETTINGS());
  knows(stage.url);
});

/** How a stage is told of the provider. */
const SETTINGS = () => ({
  TANDEM_OIDC_ISSUER: issuer, TANDEM_OIDC_CLIENT_ID: CLIENT, TANDEM_OIDC_CLIENT_SECRET: SECRET, TANDEM_OIDC_NAME: 'the house',
  TANDEM_OIDC_SCOPES: 'openid desk', TANDEM_OIDC_ROLE_CLAIM: 'groups', TANDEM_OIDC_ROLES: 'cc-agents=agent,cc-leads=supervisor',
});

/** The provider, which sends people back to a desk at this address. */
function knows(url) {
  provider = new Provider(issuer, {
    clients: [{
      client_id: CLIENT, client_secret: SECRET, redirect_uris: [`${url}/tandem/v1/Session/SingleSignOn/Callback`],
      post_logout_redirect_uris: [`${url}/desk`],
      response_types: ['code'], grant_types: ['authorization_code'],
    }],
    // Claims of scopes are at the userinfo endpoint only, as many providers have it.
    claims: { openid: ['sub'], desk: ['preferred_username', 'groups'] },
    findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id, ...PEOPLE[id] }) }),
    pkce: { required: () => true },
    features: { devInteractions: { enabled: true } },
    cookies: { keys: ['only for this test'] },
    ttl: { Session: 600, Interaction: 600, Grant: 600, AccessToken: 600, IdToken: 600, AuthorizationCode: 60 },
  });
}

after(async () => {
  await stage?.close();
  server?.closeAllConnections();
  await new Promise((done) => server.close(done));
});

/** A browser of its own, at the desk's door. */
async function visits() {
  const context = await stage.browser.newContext({ viewport: { width: 1360, height: 820 }, locale: 'en-GB' });
  const page = await context.newPage();
  page.setDefaultTimeout(20_000);
  await page.goto(`${stage.url}/desk`);
  return page;
}

/** Goes to the provider and says there who they are. */
async function signsInAs(page, name) {
  await page.getByRole('link', { name: 'Sign in with the house' }).click();
  await page.waitForURL(`${issuer}/**`);
  await page.getByPlaceholder('Enter any login').fill(name);
  await page.getByPlaceholder('and password').fill('whatever');
  await page.getByRole('button', { name: 'Sign-in' }).click();
  await page.getByRole('button', { name: 'Continue' }).click();
}

const session = (page) => page.evaluate(async () => (await fetch('/tandem/v1/Session')).json());

test('the door shows both ways in', async () => {
  const page = await visits();
  await page.getByRole('link', { name: 'Sign in with the house' }).waitFor();
  await page.getByLabel('Password').waitFor();
  await new User(stage, page).looks('sign-in');
  await page.context().close();
});

test('an agent comes in by the provider, and out again', async () => {
  const page = await visits();
  await signsInAs(page, 'ana');
  await page.getByRole('heading', { name: 'Good to see you, Ana' }).waitFor();
  const { login, role } = await session(page);
  assert.deepEqual([login, role], ['ana', 'agent']);
  const cookies = await page.context().cookies(stage.url);
  const kept = cookies.find((one) => one.name === 'tandem_session');
  assert.deepEqual([kept.httpOnly, kept.sameSite], [true, 'Strict']);
  assert.equal(cookies.some((one) => one.name === 'tandem_sign_in'), false);
  await page.context().close();
});

test('signing out is signing out there too: the next one is asked who they are', async () => {
  const page = await visits();
  await signsInAs(page, 'ana');
  await page.getByRole('button', { name: 'Not yet, only look around' }).click();
  await page.locator('summary').filter({ hasText: 'Ana Lind' }).click();
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.waitForURL(`${issuer}/session/end?**`);
  const asked = new URL(page.url()).searchParams;
  assert.equal(asked.get('post_logout_redirect_uri'), `${stage.url}/desk`);
  assert.equal(asked.get('id_token_hint').split('.').length, 3);
  await page.getByRole('button', { name: 'Yes, sign me out' }).click();
  await page.waitForURL(`${stage.url}/desk`);
  assert.equal(await session(page), null);
  await page.getByRole('link', { name: 'Sign in with the house' }).click();
  await page.waitForURL(`${issuer}/**`);
  await page.getByPlaceholder('Enter any login').waitFor();
  await page.context().close();
});

test('who is more at the provider is more here, and it is kept', async () => {
  const before = await stage.does('get', { path: '/Audit' });
  const page = await visits();
  await signsInAs(page, 'bo');
  await page.getByRole('heading', { name: 'Good to see you, Bo' }).waitFor();
  assert.equal((await session(page)).role, 'supervisor');
  const audit = await page.evaluate(async (path) => (await fetch(path)).json(), `/tandem/v1/Workspaces/${stage.workspace}/Audit`);
  const told = audit.audit.filter((one) => one.subject === 'bo');
  assert.deepEqual(told.map((one) => [one.act, one.detail]), [['user.update', 'by single sign-on, role=supervisor']]);
  assert.equal(before.audit.length, audit.audit.length - 1);
  await page.context().close();
});

test('who has no role, or is nobody here, stays out and is told so', async () => {
  for (const name of ['eve', 'nia']) {
    const page = await visits();
    await signsInAs(page, name);
    await page.getByRole('alert').filter({ hasText: 'You are known there, but nobody here.' }).waitFor();
    assert.equal(await session(page), null);
    assert.equal(new URL(page.url()).search, '');
    await page.context().close();
  }
});

test('who says no at the provider is back at the door', async () => {
  const page = await visits();
  await page.getByRole('link', { name: 'Sign in with the house' }).click();
  await page.waitForURL(`${issuer}/**`);
  await page.getByRole('link', { name: 'Cancel' }).click();
  await page.getByRole('alert').filter({ hasText: 'You were not signed in there.' }).waitFor();
  await page.context().close();
});

test('a code that another browser went for signs nobody in', async () => {
  const page = await visits();
  const callback = `${stage.url}/tandem/v1/Session/SingleSignOn/Callback`;
  await page.goto(`${callback}?code=stolen&state=guessed`);
  await page.getByRole('alert').filter({ hasText: 'That took too long' }).waitFor();
  // Begun here, but the state is another's.
  const start = await fetch(`${stage.url}/tandem/v1/Session/SingleSignOn`, { redirect: 'manual' });
  assert.equal(start.status, 303);
  const asked = new URL(start.headers.get('location'));
  assert.equal(asked.origin, issuer);
  assert.equal(asked.searchParams.get('code_challenge_method'), 'S256');
  for (const name of ['state', 'nonce', 'code_challenge']) assert.ok(asked.searchParams.get(name).length >= 43, name);
  const cookie = start.headers.get('set-cookie').split(';')[0];
  const returns = async (state, code) => {
    const answer = await fetch(`${callback}?code=${code}&state=${state}`, { redirect: 'manual', headers: { cookie } });
    assert.equal(answer.headers.getSetCookie().some((one) => one.startsWith('tandem_session=')), false);
    return answer.headers.get('location');
  };
  assert.equal(await returns('guessed', 'stolen'), '/desk?sign-in=late');
  // The right state with a code that the provider has not given.
  assert.equal(await returns(asked.searchParams.get('state'), 'stolen'), '/desk?sign-in=failed');
  await page.context().close();
});

test('who has a role and is nobody here becomes a user of the workspace that the settings name', async () => {
  const data = mkdtempSync(path.join(tmpdir(), 'tandem-sign-in-'));
  // The first time only to make the demo, whose workspace is what the settings name.
  const first = await Stage.open({ TANDEM_STAGE_DATA: data });
  const { workspace } = first;
  await first.close();
  const second = await Stage.open({ ...SETTINGS(), TANDEM_STAGE_DATA: data, TANDEM_OIDC_WORKSPACE: workspace });
  knows(second.url);
  try {
    const context = await second.browser.newContext({ locale: 'en-GB' });
    const page = await context.newPage();
    page.setDefaultTimeout(20_000);
    await page.goto(`${second.url}/desk`);
    await signsInAs(page, 'nia');
    await page.getByRole('button', { name: 'Audit' }).waitFor();
    const { login, role, workspace_sid } = await session(page);
    assert.deepEqual([login, role, workspace_sid], ['nia', 'supervisor', workspace]);
    const { audit } = await page.evaluate(async (at) => (await fetch(at)).json(), `/tandem/v1/Workspaces/${workspace}/Audit`);
    assert.deepEqual(audit.map((one) => [one.act, one.subject, one.detail]), [['user.create', 'nia', 'by single sign-on, role=supervisor']]);
    // Whom no role is given stays out all the same.
    await context.clearCookies();
    await page.goto(`${second.url}/desk`);
    await signsInAs(page, 'eve');
    await page.getByRole('alert').filter({ hasText: 'You are known there, but nobody here.' }).waitFor();
  } finally {
    await second.close();
    rmSync(data, { recursive: true });
    knows(stage.url);
  }
});

test('a password still opens the door', async () => {
  const kim = await stage.signsIn('kim', { shift: false });
  await kim.page.getByRole('heading', { name: 'Good to see you, Kim' }).waitFor();
  assert.deepEqual(kim.errors, []);
});
