'use strict';

// Every TaskRouter operation, called by the official SDK. `covers:` names the operations of the test below it.

const assert = require('node:assert/strict');
const { after, before, describe, it } = require('node:test');
const { randomBytes } = require('node:crypto');
const { tandem } = require('tandem-twilio');

const URL = process.env.TANDEM_URL || 'http://127.0.0.1:8080';
const ACCOUNT = process.env.TANDEM_ACCOUNT_SID || 'AC00000000000000000000000000000001';
const TOKEN = process.env.TANDEM_AUTH_TOKEN || 'tandem-dev-token';
const client = tandem(URL, ACCOUNT, TOKEN);
const workspaces = client.taskrouter.v1.workspaces;
const nobody = (prefix) => prefix + '0'.repeat(32);

/** The promise is rejected with this status and code. */
const refused = (promise, status, code) =>
  assert.rejects(promise, (error) => {
    assert.deepEqual([error.status, error.code], [status, code], error.message);
    return true;
  });

/** The list, read in pages of two, has everything that was made, each once. */
async function twoByTwo(of, made, filters = {}) {
  const found = (await of.list({ ...filters, pageSize: 2 })).map((item) => item.sid);
  assert.equal(new Set(found).size, found.length);
  for (const item of made) assert.ok(found.includes(item.sid), item.sid);
  const first = await of.page({ ...filters, pageSize: 2 });
  assert.equal(first.instances.length, 2);
  assert.ok(first.nextPageUrl);
  return found;
}

describe('TaskRouter, every operation', () => {
  let workspace;
  let activities;
  let queue;
  let workflow;
  let worker;

  before(async () => {
    const made = await workspaces.create({ friendlyName: `node ${randomBytes(6).toString('hex')}` });
    workspace = workspaces(made.sid);
    const list = await workspace.activities.list();
    activities = Object.fromEntries(list.map((activity) => [activity.friendlyName, activity.sid]));
    queue = await workspace.taskQueues.create({ friendlyName: 'All' });
    const configuration = JSON.stringify({ task_routing: { default_filter: { queue: queue.sid } } });
    workflow = await workspace.workflows.create({ friendlyName: 'Main', configuration });
    worker = await workspace.workers.create({ friendlyName: 'ana', activitySid: activities.Available });
  });

  after(() => workspace.remove());

  // covers: POST /v1/Workspaces, GET /v1/Workspaces, GET /v1/Workspaces/{Sid}
  // covers: POST /v1/Workspaces/{Sid}, DELETE /v1/Workspaces/{Sid}
  it('workspaces', async () => {
    const friendlyName = randomBytes(6).toString('hex');
    const made = [];
    for (let n = 0; n < 3; n += 1) {
      made.push(await workspaces.create({ friendlyName, template: 'FIFO', prioritizeQueueOrder: 'LIFO' }));
    }
    await twoByTwo(workspaces, made, { friendlyName });
    const fetched = await workspaces(made[0].sid).fetch();
    assert.deepEqual([fetched.prioritizeQueueOrder, fetched.multiTaskEnabled], ['LIFO', true]);
    const changed = await workspaces(made[0].sid).update({ friendlyName: 'Renamed', eventsFilter: 'task.created' });
    assert.deepEqual([changed.friendlyName, changed.eventsFilter], ['Renamed', 'task.created']);
    for (const { sid } of made) assert.ok(await workspaces(sid).remove());
    await refused(workspaces(made[0].sid).fetch(), 404, 20404);
  });

  // covers: POST /v1/Workspaces/{WorkspaceSid}/Activities, GET /v1/Workspaces/{WorkspaceSid}/Activities
  // covers: GET /v1/Workspaces/{WorkspaceSid}/Activities/{Sid}, POST /v1/Workspaces/{WorkspaceSid}/Activities/{Sid}
  // covers: DELETE /v1/Workspaces/{WorkspaceSid}/Activities/{Sid}
  it('activities', async () => {
    const lunch = await workspace.activities.create({ friendlyName: 'Lunch', available: false });
    await twoByTwo(workspace.activities, [lunch]);
    assert.equal((await workspace.activities(lunch.sid).fetch()).available, false);
    assert.equal((await workspace.activities(lunch.sid).update({ friendlyName: 'Break' })).friendlyName, 'Break');
    await refused(workspace.activities(activities.Offline).remove(), 400, 20001);
    assert.ok(await workspace.activities(lunch.sid).remove());
    await refused(workspace.activities(lunch.sid).fetch(), 404, 20404);
  });

  // covers: POST /v1/Workspaces/{WorkspaceSid}/TaskChannels, GET /v1/Workspaces/{WorkspaceSid}/TaskChannels
  // covers: GET /v1/Workspaces/{WorkspaceSid}/TaskChannels/{Sid}, POST /v1/Workspaces/{WorkspaceSid}/TaskChannels/{Sid}
  // covers: DELETE /v1/Workspaces/{WorkspaceSid}/TaskChannels/{Sid}
  it('task channels', async () => {
    const fax = await workspace.taskChannels.create({ friendlyName: 'Fax', uniqueName: 'fax' });
    await twoByTwo(workspace.taskChannels, [fax]);
    assert.equal((await workspace.taskChannels('fax').fetch()).sid, fax.sid);
    const changed = await workspace.taskChannels('fax').update({ channelOptimizedRouting: true });
    assert.equal(changed.channelOptimizedRouting, true);
    await refused(workspace.taskChannels.create({ friendlyName: 'Fax', uniqueName: 'fa-x' }), 400, 20001);
    assert.ok(await workspace.taskChannels(fax.sid).remove());
    await refused(workspace.taskChannels('fax').fetch(), 404, 20404);
  });

  // covers: POST /v1/Workspaces/{WorkspaceSid}/Workers, GET /v1/Workspaces/{WorkspaceSid}/Workers
  // covers: GET /v1/Workspaces/{WorkspaceSid}/Workers/{Sid}, POST /v1/Workspaces/{WorkspaceSid}/Workers/{Sid}
  // covers: DELETE /v1/Workspaces/{WorkspaceSid}/Workers/{Sid}
  it('workers', async () => {
    const made = [];
    for (const level of [1, 2, 3]) {
      const attributes = JSON.stringify({ level });
      made.push(await workspace.workers.create({ friendlyName: `bo ${level}`, attributes }));
    }
    await twoByTwo(workspace.workers, made, { activityName: 'Offline' });
    const found = await workspace.workers.list({ targetWorkersExpression: 'level >= 2', taskQueueSid: queue.sid });
    assert.deepEqual(found.map((one) => one.sid), [made[1].sid, made[2].sid]);
    const one = workspace.workers(made[0].sid);
    assert.equal((await one.fetch()).attributes, '{"level":1}');
    const changed = await one.update({ friendlyName: 'cy', activitySid: activities.Unavailable });
    assert.deepEqual([changed.friendlyName, changed.activityName], ['cy', 'Unavailable']);
    await refused(one.update({ ifMatch: '99', attributes: '{}' }), 412, 20412);
    await refused(one.update({ rejectPendingReservations: true }), 400, 20001);
    await refused(one.remove({ ifMatch: '99' }), 412, 20412);
    for (const { sid } of made) assert.ok(await workspace.workers(sid).remove());
    await refused(one.fetch(), 404, 20404);
  });

  // covers: GET /v1/Workspaces/{WorkspaceSid}/Workers/{WorkerSid}/Channels
  // covers: GET /v1/Workspaces/{WorkspaceSid}/Workers/{WorkerSid}/Channels/{Sid}
  // covers: POST /v1/Workspaces/{WorkspaceSid}/Workers/{WorkerSid}/Channels/{Sid}
  it('worker channels', async () => {
    const channels = workspace.workers(worker.sid).workerChannels;
    assert.equal((await twoByTwo(channels, [])).length, 5);
    assert.equal((await channels('sms').fetch()).taskChannelUniqueName, 'sms');
    const changed = await channels('sms').update({ capacity: 4, available: false });
    assert.deepEqual([changed.configuredCapacity, changed.available], [4, false]);
    await refused(channels('sms').update({ capacity: -1 }), 400, 20001);
    await refused(channels('pigeon').fetch(), 404, 20404);
  });

  // covers: POST /v1/Workspaces/{WorkspaceSid}/TaskQueues, GET /v1/Workspaces/{WorkspaceSid}/TaskQueues
  // covers: GET /v1/Workspaces/{WorkspaceSid}/TaskQueues/{Sid}, POST /v1/Workspaces/{WorkspaceSid}/TaskQueues/{Sid}
  // covers: DELETE /v1/Workspaces/{WorkspaceSid}/TaskQueues/{Sid}
  it('task queues', async () => {
    const made = [];
    for (const lang of ['fr', 'br']) {
      made.push(await workspace.taskQueues.create({ friendlyName: lang, targetWorkers: `lang == '${lang}'` }));
    }
    await twoByTwo(workspace.taskQueues, made);
    const serving = await workspace.taskQueues.list({ evaluateWorkerAttributes: '{"lang":"fr"}' });
    assert.deepEqual(serving.map((one) => one.sid), [queue.sid, made[0].sid]);
    const own = await workspace.taskQueues.list({ workerSid: worker.sid, ordering: 'DateUpdated:desc' });
    assert.deepEqual(own.map((one) => one.sid), [queue.sid]);
    assert.equal((await workspace.taskQueues(made[0].sid).fetch()).maxReservedWorkers, 1);
    const changed = await workspace.taskQueues(made[0].sid).update({ taskOrder: 'LIFO', maxReservedWorkers: 50 });
    assert.deepEqual([changed.taskOrder, changed.maxReservedWorkers], ['LIFO', 50]);
    await refused(workspace.taskQueues.create({ friendlyName: 'x', targetWorkers: 'a ==' }), 400, 20001);
    await refused(workspace.taskQueues(queue.sid).remove(), 400, 20001);
    for (const { sid } of made) assert.ok(await workspace.taskQueues(sid).remove());
    await refused(workspace.taskQueues(made[0].sid).fetch(), 404, 20404);
  });

  // covers: POST /v1/Workspaces/{WorkspaceSid}/Workflows, GET /v1/Workspaces/{WorkspaceSid}/Workflows
  // covers: GET /v1/Workspaces/{WorkspaceSid}/Workflows/{Sid}, POST /v1/Workspaces/{WorkspaceSid}/Workflows/{Sid}
  // covers: DELETE /v1/Workspaces/{WorkspaceSid}/Workflows/{Sid}
  it('workflows', async () => {
    const { configuration } = workflow;
    const made = [];
    for (const friendlyName of ['One', 'Two']) {
      made.push(await workspace.workflows.create({ friendlyName, configuration, taskReservationTimeout: 15 }));
    }
    await twoByTwo(workspace.workflows, made);
    assert.equal((await workspace.workflows(made[0].sid).fetch()).taskReservationTimeout, 15);
    const changed = await workspace.workflows(made[0].sid).update({
      assignmentCallbackUrl: 'http://127.0.0.1:9/assign',
      reEvaluateTasks: 'true',
    });
    assert.equal(changed.assignmentCallbackUrl, 'http://127.0.0.1:9/assign');
    await refused(workspace.workflows(made[0].sid).update({ configuration: '{' }), 400, 20001);
    for (const { sid } of made) assert.ok(await workspace.workflows(sid).remove());
    await refused(workspace.workflows(made[0].sid).fetch(), 404, 20404);
  });

  // covers: POST /v1/Workspaces/{WorkspaceSid}/Tasks, GET /v1/Workspaces/{WorkspaceSid}/Tasks
  // covers: GET /v1/Workspaces/{WorkspaceSid}/Tasks/{Sid}, POST /v1/Workspaces/{WorkspaceSid}/Tasks/{Sid}
  // covers: DELETE /v1/Workspaces/{WorkspaceSid}/Tasks/{Sid}
  it('tasks', async () => {
    const made = [];
    for (const priority of [1, 2, 3]) {
      made.push(await workspace.tasks.create({ workflowSid: workflow.sid, priority, timeout: 600, taskChannel: 'chat' }));
    }
    assert.deepEqual(made.map((task) => task.assignmentStatus), ['pending', 'pending', 'pending']);
    await twoByTwo(workspace.tasks, made);
    const first = await workspace.tasks.list({ ordering: 'Priority:desc', limit: 1 });
    assert.equal(first[0].sid, made[2].sid);
    const pending = await workspace.tasks.list({ assignmentStatus: ['pending', 'reserved'], taskQueueName: 'All' });
    assert.equal(pending.length, 3);
    const one = workspace.tasks(made[1].sid);
    const changed = await one.update({ attributes: '{"a":1}', priority: 9 });
    assert.deepEqual([changed.attributes, changed.priority], ['{"a":1}', 9]);
    await refused(one.update({ ifMatch: '99', priority: 1 }), 412, 20412);
    await refused(one.update({ assignmentStatus: 'completed', reason: 'early' }), 400, 20001);
    await refused(workspace.tasks.create({ workflowSid: nobody('WW') }), 400, 20001);
    assert.equal((await one.fetch()).priority, 9);
    for (const { sid } of made) assert.ok(await workspace.tasks(sid).remove());
    await refused(one.fetch(), 404, 20404);
  });

  // covers: GET /v1/Workspaces/{WorkspaceSid}/Tasks/{TaskSid}/Reservations
  // covers: GET /v1/Workspaces/{WorkspaceSid}/Tasks/{TaskSid}/Reservations/{Sid}
  // covers: POST /v1/Workspaces/{WorkspaceSid}/Tasks/{TaskSid}/Reservations/{Sid}
  it('reservations of a task', async () => {
    const task = await workspace.tasks.create({ workflowSid: workflow.sid });
    const { reservations } = workspace.tasks(task.sid);
    for (let n = 0; n < 2; n += 1) {
      const [offer] = await reservations.list({ reservationStatus: 'pending' });
      await reservations(offer.sid).update({ reservationStatus: 'rejected' });
    }
    await twoByTwo(reservations, [], { workerSid: worker.sid });
    const [offer] = await reservations.list({ reservationStatus: 'pending' });
    assert.equal((await reservations(offer.sid).fetch()).workerName, 'ana');
    await refused(reservations(offer.sid).update({ instruction: 'supervise' }), 400, 20001);
    await refused(reservations(offer.sid).update({ ifMatch: '99', reservationStatus: 'accepted' }), 412, 20412);
    const accepted = await reservations(offer.sid).update({ reservationStatus: 'accepted' });
    assert.equal(accepted.reservationStatus, 'accepted');
    await refused(reservations(offer.sid).update({ reservationStatus: 'accepted' }), 400, 20001);
    await workspace.tasks(task.sid).update({ assignmentStatus: 'completed', reason: 'done' });
  });

  // covers: GET /v1/Workspaces/{WorkspaceSid}/Workers/{WorkerSid}/Reservations
  // covers: GET /v1/Workspaces/{WorkspaceSid}/Workers/{WorkerSid}/Reservations/{Sid}
  // covers: POST /v1/Workspaces/{WorkspaceSid}/Workers/{WorkerSid}/Reservations/{Sid}
  it('reservations of a worker', async () => {
    const { reservations } = workspace.workers(worker.sid);
    await workspace.workers(worker.sid).workerChannels('video').update({ capacity: 3 });
    const tasks = [];
    for (let n = 0; n < 3; n += 1) {
      tasks.push(await workspace.tasks.create({ workflowSid: workflow.sid, taskChannel: 'video' }));
    }
    const found = await twoByTwo(reservations, [], { reservationStatus: 'pending' });
    assert.equal(found.length, 3);
    assert.equal((await reservations(found[0]).fetch()).workerSid, worker.sid);
    for (const reservationStatus of ['accepted', 'wrapping', 'completed']) {
      const changed = await reservations(found[0]).update({ reservationStatus });
      assert.equal(changed.reservationStatus, reservationStatus);
    }
    await refused(reservations(nobody('WR')).fetch(), 404, 20404);
    for (const { sid } of tasks) await workspace.tasks(sid).remove();
  });

  // covers: GET /v1/Workspaces/{WorkspaceSid}/Statistics, GET /v1/Workspaces/{WorkspaceSid}/RealTimeStatistics
  // covers: GET /v1/Workspaces/{WorkspaceSid}/CumulativeStatistics
  // covers: GET /v1/Workspaces/{WorkspaceSid}/TaskQueues/{TaskQueueSid}/Statistics
  // covers: GET /v1/Workspaces/{WorkspaceSid}/TaskQueues/{TaskQueueSid}/RealTimeStatistics
  // covers: GET /v1/Workspaces/{WorkspaceSid}/TaskQueues/{TaskQueueSid}/CumulativeStatistics
  // covers: GET /v1/Workspaces/{WorkspaceSid}/TaskQueues/Statistics
  // covers: POST /v1/Workspaces/{WorkspaceSid}/TaskQueues/RealTimeStatistics
  // covers: GET /v1/Workspaces/{WorkspaceSid}/Workflows/{WorkflowSid}/Statistics
  // covers: GET /v1/Workspaces/{WorkspaceSid}/Workflows/{WorkflowSid}/RealTimeStatistics
  // covers: GET /v1/Workspaces/{WorkspaceSid}/Workflows/{WorkflowSid}/CumulativeStatistics
  // covers: GET /v1/Workspaces/{WorkspaceSid}/Workers/Statistics
  // covers: GET /v1/Workspaces/{WorkspaceSid}/Workers/RealTimeStatistics
  // covers: GET /v1/Workspaces/{WorkspaceSid}/Workers/CumulativeStatistics
  // covers: GET /v1/Workspaces/{WorkspaceSid}/Workers/{WorkerSid}/Statistics
  it('statistics', async () => {
    for (const of of [workspace, workspace.taskQueues(queue.sid), workspace.workflows(workflow.sid)]) {
      assert.ok((await of.realTimeStatistics().fetch()).totalTasks >= 0);
      assert.ok((await of.cumulativeStatistics().fetch({ minutes: 60 })).reservationsCreated >= 0);
      const both = await of.statistics().fetch();
      assert.ok(both.realtime.total_tasks >= 0 && both.cumulative.reservations_created >= 0);
    }
    const listed = await workspace.taskQueues.statistics.list();
    assert.ok(listed.some((item) => item.taskQueueSid === queue.sid));
    const bulk = await workspace.taskQueues.bulkRealTimeStatistics.create({ TaskQueueSids: [queue.sid] });
    assert.equal(bulk.taskQueueResponseCount, 1);
    assert.equal((await workspace.workers.realTimeStatistics().fetch()).totalWorkers, 1);
    assert.ok((await workspace.workers.cumulativeStatistics().fetch()).reservationsAccepted >= 0);
    assert.equal((await workspace.workers.statistics().fetch()).realtime.total_workers, 1);
    assert.ok((await workspace.workers(worker.sid).statistics().fetch()).cumulative);
  });

  // covers: GET /v1/Workspaces/{WorkspaceSid}/Events, GET /v1/Workspaces/{WorkspaceSid}/Events/{Sid}
  it('events', async () => {
    const found = await workspace.events.list({ eventType: 'worker.created', workerSid: worker.sid });
    assert.equal(found.length, 1);
    const one = await workspace.events(found[0].sid).fetch();
    assert.equal(one.eventData.worker_sid, worker.sid);
    await twoByTwo(workspace.events, [one]);
    await refused(workspace.events(nobody('EV')).fetch(), 404, 20404);
  });
});
