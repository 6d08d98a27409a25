'use strict';

const assert = require('node:assert/strict');
const { after, before, describe, it } = require('node:test');
const { randomBytes } = require('node:crypto');
const { TandemRequestClient, tandem } = require('tandem-twilio');

const URL = process.env.TANDEM_URL || 'http://127.0.0.1:8080';
const ACCOUNT = process.env.TANDEM_ACCOUNT_SID || 'AC00000000000000000000000000000001';
const TOKEN = process.env.TANDEM_AUTH_TOKEN || 'tandem-dev-token';
const client = tandem(URL, ACCOUNT, TOKEN);
const unique = randomBytes(6).toString('hex');

/** The promise is rejected with this status and code. */
const refused = (promise, status, code) =>
  assert.rejects(promise, (error) => {
    assert.deepEqual([error.status, error.code], [status, code], error.message);
    return true;
  });

describe('TaskRouter', () => {
  let workspace;
  let activities;
  let workflow;
  let worker;

  before(async () => {
    const made = await client.taskrouter.v1.workspaces.create({ friendlyName: `node ${unique}` });
    workspace = client.taskrouter.v1.workspaces(made.sid);
    const list = await workspace.activities.list();
    activities = Object.fromEntries(list.map((activity) => [activity.friendlyName, activity.sid]));
    const queue = await workspace.taskQueues.create({ friendlyName: 'All', targetWorkers: '1==1' });
    const configuration = JSON.stringify({ task_routing: { filters: [], default_filter: { queue: queue.sid } } });
    workflow = await workspace.workflows.create({ friendlyName: 'Main', configuration });
    worker = await workspace.workers.create({ friendlyName: 'ana', activitySid: activities.Available });
  });

  after(() => workspace.remove());

  it('drives a task to completion', async () => {
    const task = await workspace.tasks.create({ workflowSid: workflow.sid, attributes: '{"lang":"en"}' });
    const [offer] = await workspace.tasks(task.sid).reservations.list();
    assert.deepEqual([offer.reservationStatus, offer.workerSid], ['pending', worker.sid]);
    await workspace.tasks(task.sid).reservations(offer.sid).update({ reservationStatus: 'accepted' });
    assert.equal((await workspace.tasks(task.sid).fetch()).assignmentStatus, 'assigned');
    const done = await workspace.tasks(task.sid).update({ assignmentStatus: 'completed', reason: 'done' });
    assert.deepEqual([done.assignmentStatus, done.reason], ['completed', 'done']);
  });

  it('lists beyond one page', async () => {
    const names = Array.from({ length: 7 }, (_, n) => `w${n}`);
    for (const friendlyName of names) await workspace.workers.create({ friendlyName });
    const listed = (await workspace.workers.list({ pageSize: 3 })).map((found) => found.friendlyName);
    assert.deepEqual(listed, ['ana', ...names]);
  });

  it('refuses with our codes', async () => {
    await refused(workspace.workers.create({ friendlyName: 'ANA' }), 400, 20001);
    await refused(workspace.workers.create({ friendlyName: 'x', attributes: '[]' }), 400, 20001);
    await refused(workspace.tasks(`WT${'0'.repeat(32)}`).fetch(), 404, 20404);
    await refused(tandem(URL, ACCOUNT, 'wrong').taskrouter.v1.workspaces.list(), 401, 20003);
  });
});

describe('The 2010 API', () => {
  it('makes, pages and deletes queues', async () => {
    const names = [1, 2, 3].map((n) => `${unique} ${n}`);
    const made = [];
    for (const friendlyName of names) made.push(await client.queues.create({ friendlyName }));
    const listed = (await client.queues.list({ pageSize: 1 })).map((queue) => queue.friendlyName);
    for (const name of names) assert.ok(listed.includes(name), name);
    await refused(client.queues.create({ friendlyName: names[0] }), 400, 22003);
    for (const queue of made) await client.queues(queue.sid).remove();
    await refused(client.queues(made[0].sid).fetch(), 404, 20404);
  });

  it('refuses a bad call', () =>
    refused(client.calls.create({ to: '555', from: '+15550100001', twiml: '<Response/>' }), 400, 21211));
});

describe('Sync', () => {
  it('keeps items with revisions', async () => {
    const made = await client.sync.v1.services.create({ friendlyName: unique });
    const service = client.sync.v1.services(made.sid);
    await service.syncMaps.create({ uniqueName: 'WK1.ParkedCalls', ttl: 604800 });
    const items = service.syncMaps('WK1.ParkedCalls').syncMapItems;
    const item = await items.create({ key: 'CA1', data: { a: 1 }, itemTtl: 86400 });
    assert.deepEqual(item.data, { a: 1 });
    await refused(items.create({ key: 'CA1', data: {} }), 409, 54208);
    const one = service.syncMaps('WK1.ParkedCalls').syncMapItems('CA1');
    assert.notEqual((await one.update({ data: { b: 2 } })).revision, item.revision);
    await refused(one.update({ data: {}, ifMatch: item.revision }), 412, 54103);
    await service.remove();
    await refused(service.fetch(), 404, 20404);
  });
});

describe('The adapter', () => {
  it('replaces only hosts of twilio.com', () => {
    const adapter = new TandemRequestClient('http://x:1/');
    for (const [uri, to] of [
      ['https://taskrouter.twilio.com/v1/Workspaces', 'http://x:1/taskrouter/v1/Workspaces'],
      ['https://sync.sydney.au1.twilio.com/v1/Services', 'http://x:1/sync/v1/Services'],
      ['http://x:1/taskrouter/v1/Workspaces?Page=1', 'http://x:1/taskrouter/v1/Workspaces?Page=1'],
    ]) {
      assert.equal(adapter.rewritten(uri), to);
    }
  });
});
