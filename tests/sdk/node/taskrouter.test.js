'use strict';

// The unmodified package twilio-taskrouter against a running Tandem: the agent's, the supervisor's and the workspace's client.

const assert = require('node:assert/strict');
const { after, afterEach, before, describe, it } = require('node:test');
const { createHmac, randomBytes } = require('node:crypto');
const events = require('node:events');
const http = require('node:http');
const net = require('node:net');
const { Worker: Thread } = require('node:worker_threads');
const WebSocket = require('ws');
const { Supervisor, Worker, Workspace } = require('twilio-taskrouter');
const { tandem } = require('tandem-twilio');
const { AccessToken } = require('twilio').jwt;

const URL_BASE = process.env.TANDEM_URL || 'http://127.0.0.1:8080';
const ACCOUNT = process.env.TANDEM_ACCOUNT_SID || 'AC00000000000000000000000000000001';
const TOKEN = process.env.TANDEM_AUTH_TOKEN || 'tandem-dev-token';
const DEADLINE_MS = 60_000;
const client = tandem(URL_BASE, ACCOUNT, TOKEN);
const unique = randomBytes(6).toString('hex');

/** Waits until `emitter` says `name` (and `is` holds); fails after a generous time or when the client says `error`. */
function once(emitter, name, is = () => true) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`nothing heard of ${name}`)), DEADLINE_MS);
    const done = (settle) => (value) => {
      if (settle === resolve && !is(value)) return;
      clearTimeout(timer);
      emitter.removeListener(name, heard);
      emitter.removeListener('error', failed);
      settle(value);
    };
    const heard = done(resolve);
    const failed = done(reject);
    emitter.on(name, heard);
    if (name !== 'error') emitter.on('error', failed);
  });
}

describe('twilio-taskrouter', () => {
  let key;
  let workspace;
  let workspaceSid;
  let queue;
  let workflow;
  let activities;
  let configuration;
  const clients = [];

  before(async () => {
    key = await client.newKeys.create({ friendlyName: `taskrouter-js ${unique}` });
    const made = await client.taskrouter.v1.workspaces.create({ friendlyName: `taskrouter-js ${unique}` });
    workspaceSid = made.sid;
    workspace = client.taskrouter.v1.workspaces(made.sid);
    const list = await workspace.activities.list();
    activities = Object.fromEntries(list.map((activity) => [activity.friendlyName, activity.sid]));
    queue = await workspace.taskQueues.create({ friendlyName: 'English', targetWorkers: '1==1' });
    const own = { queue: queue.sid, expression: 'task.for == worker.name' };
    configuration = JSON.stringify({
      task_routing: {
        filters: [{ expression: '1==1', targets: [own] }],
      },
    });
    workflow = await workspace.workflows.create({ friendlyName: 'Main', configuration, taskReservationTimeout: 120 });
  });

  afterEach(() => clients.splice(0).forEach((each) => each.disconnect()));

  after(async () => {
    await workspace.remove();
    await client.keys(key.sid).remove();
  });

  /** A token as Twilio's helper makes it. */
  function tokenOf({ worker, role }, { secret = key.secret, ttl = 3600 } = {}) {
    const token = new AccessToken(ACCOUNT, key.sid, secret, { identity: 'x', ttl });
    token.addGrant(new AccessToken.TaskRouterGrant({ workspaceSid, workerSid: worker, role }));
    return token.toJwt();
  }

  const servers = (base = URL_BASE) => ({
    ebServer: `${base}/event-bridge/v1/wschannels`,
    wsServer: `${base.replace('http', 'ws')}/event-bridge/v1/wschannels`,
    logLevel: 'silent',
  });

  const hired = (name, activitySid = activities.Available) =>
    workspace.workers.create({ friendlyName: name, activitySid, attributes: JSON.stringify({ name }) });

  /** A worker with a client that is ready. */
  async function agent(name, options = {}, activitySid = undefined) {
    const { sid } = await hired(name, activitySid);
    const worker = new Worker(tokenOf({ worker: sid, role: 'worker' }), { ...servers(), ...options });
    clients.push(worker);
    await once(worker, 'ready');
    return worker;
  }

  const taskFor = (name, more = {}) =>
    workspace.tasks.create({ workflowSid: workflow.sid, attributes: JSON.stringify({ for: name, lang: 'en' }), ...more });

  /** An agent with an offer. */
  async function offered(name) {
    const worker = await agent(name);
    const created = once(worker, 'reservationCreated');
    const task = await taskFor(name);
    const reservation = await created;
    assert.equal(reservation.task.sid, task.sid);
    return { worker, task, reservation };
  }

  // covers: EB Worker (connecting)
  it('is ready with everything that there is', async () => {
    const worker = await agent('ready');
    assert.equal(worker.name, 'ready');
    assert.deepEqual(worker.attributes, { name: 'ready' });
    assert.deepEqual(worker.activity.name, 'Available');
    assert.deepEqual([...worker.activities.values()].map(({ name }) => name).sort(), [
      'Available',
      'Offline',
      'Unavailable',
    ]);
    assert.equal(worker.channels.size, 5);
    assert.equal(worker.reservations.size, 0);
  });

  // covers: EB Worker.setAttributes, EB Activity.setAsCurrent
  it('changes attributes and activity, and hears of both', async () => {
    const worker = await agent('changes');
    const attributes = once(worker, 'attributesUpdated');
    await worker.setAttributes({ name: 'changes', languages: ['en', 'fr'] });
    assert.deepEqual((await attributes).attributes.languages, ['en', 'fr']);
    const activity = once(worker, 'activityUpdated');
    const offline = [...worker.activities.values()].find(({ name }) => name === 'Offline');
    await offline.setAsCurrent();
    assert.equal((await activity).activity.name, 'Offline');
    assert.equal((await workspace.workers(worker.sid).fetch()).activityName, 'Offline');
    // And of what others do.
    const channel = [...worker.channels.values()].find((each) => each.taskChannelUniqueName === 'chat');
    const capacity = once(channel, 'capacityUpdated');
    await workspace.workers(worker.sid).workerChannels('chat').update({ capacity: 4 });
    assert.equal((await capacity).capacity, 4);
  });

  // covers: EB Reservation.accept, EB Task.setAttributes, EB Task.wrapUp, EB Task.complete
  it('takes a task to its end', async () => {
    const { worker, task, reservation } = await offered('takes');
    assert.deepEqual([reservation.status, reservation.timeout], ['pending', 120]);
    assert.deepEqual(reservation.task.attributes, { for: 'takes', lang: 'en' });
    assert.deepEqual(
      [reservation.task.status, reservation.task.queueName, reservation.task.workflowName],
      ['reserved', 'English', 'Main'],
    );
    const accepted = once(reservation, 'accepted');
    await reservation.accept();
    assert.equal((await accepted).status, 'accepted');
    const updated = once(reservation.task, 'updated');
    await reservation.task.setAttributes({ for: 'takes', lang: 'fr' });
    assert.equal((await updated).attributes.lang, 'fr');
    const wrapping = once(reservation, 'wrapup');
    await reservation.task.wrapUp({ reason: 'said' });
    await wrapping;
    const [completed, done] = [once(reservation, 'completed'), once(reservation.task, 'completed')];
    await reservation.task.complete('done');
    await Promise.all([completed, done]);
    assert.equal((await workspace.tasks(task.sid).fetch()).assignmentStatus, 'completed');
    assert.ok(worker.reservations.size <= 1);
  });

  // covers: EB Reservation.reject
  it('rejects, and is offered it again when it is back', async () => {
    const { worker, reservation } = await offered('rejects');
    const rejected = once(reservation, 'rejected');
    await reservation.reject({ activitySid: activities.Offline });
    await rejected;
    const again = once(worker, 'reservationCreated');
    const available = [...worker.activities.values()].find(({ name }) => name === 'Available');
    await available.setAsCurrent();
    assert.notEqual((await again).sid, reservation.sid);
  });

  it('hears of a timeout', async () => {
    const short = await workspace.workflows.create({ friendlyName: 'Short', configuration, taskReservationTimeout: 1 });
    const worker = await agent('slow');
    const created = once(worker, 'reservationCreated');
    const task = await taskFor('slow', { workflowSid: short.sid });
    const reservation = await created;
    await once(reservation, 'timeout');
    await workspace.tasks(task.sid).remove();
  });

  it('hears that a task was changed and canceled', async () => {
    const { task, reservation } = await offered('hears');
    const updated = once(reservation.task, 'updated');
    await workspace.tasks(task.sid).update({ priority: 7 });
    assert.equal((await updated).priority, 7);
    const [gone, canceled] = [once(reservation, 'canceled'), once(reservation.task, 'canceled')];
    await workspace.tasks(task.sid).update({ assignmentStatus: 'canceled', reason: 'not needed' });
    await Promise.all([gone, canceled]);
    assert.equal(reservation.task.reason, 'not needed');
  });

  // covers: EB Reservation.complete
  it('finds its open reservations when it comes back', async () => {
    const { worker, reservation } = await offered('again');
    await reservation.accept();
    worker.disconnect();
    const token = tokenOf({ worker: worker.sid, role: 'worker' });
    const back = new Worker(token, { ...servers(), closeExistingSessions: true });
    clients.push(back);
    await once(back, 'ready');
    const held = back.reservations.get(reservation.sid);
    assert.equal(held.status, 'accepted');
    const completed = once(held, 'completed');
    await held.complete();
    await completed;
  });

  it('is offered what waits for its first activity', async () => {
    const { sid } = await hired('first', activities.Offline);
    await taskFor('first');
    const token = tokenOf({ worker: sid, role: 'worker' });
    const worker = new Worker(token, { ...servers(), connectActivitySid: activities.Available });
    clients.push(worker);
    const created = once(worker, 'reservationCreated');
    await once(worker, 'ready');
    assert.equal((await created).status, 'pending');
  });

  // covers: EB Worker.fetchLatestVersion
  it('refuses an old version when asked to check', async () => {
    const worker = await agent('version', { enableVersionCheck: true });
    await worker.setAttributes({ name: 'version', n: 1 });
    const seen = (await worker.fetchLatestVersion()).version;
    const heard = once(worker, 'attributesUpdated', (each) => each.attributes.n === 2);
    await workspace.workers(worker.sid).update({ attributes: JSON.stringify({ name: 'version', n: 2 }) });
    await heard;
    worker.version = seen;
    await assert.rejects(worker.setAttributes({ name: 'version', n: 3 }), /412/);
    const { attributes } = await workspace.workers(worker.sid).fetch();
    assert.equal(JSON.parse(attributes).n, 2);
  });

  // covers: EB Worker.createTask
  it('makes a task for itself', async () => {
    const worker = await agent('makes');
    const created = once(worker, 'reservationCreated');
    const sid = await worker.createTask('+15550100001', '+15550100002', workflow.sid, queue.sid, {
      attributes: { outbound: true },
    });
    const reservation = await created;
    assert.equal(reservation.task.sid, sid);
    assert.equal(reservation.task.routingTarget, worker.sid);
    assert.equal(reservation.task.attributes.outbound_to, '+15550100001');
  });

  // covers: EB Task.transfer, EB Transfer.cancel
  it('transfers a task, and hears how that went', async () => {
    const { task, reservation } = await offered('transfers');
    const accepted = once(reservation, 'accepted');
    await reservation.accept();
    await accepted;
    const colleague = await agent('colleague');
    /** Begins a transfer; what came of it is said by the outgoing transfer. */
    const toColleague = async () => {
      const created = once(colleague, 'reservationCreated');
      const initiated = once(reservation.task, 'transferInitiated');
      await reservation.task.transfer(colleague.sid, { mode: 'WARM' });
      return { outgoing: await initiated, offer: await created };
    };
    const first = await toColleague();
    assert.equal(first.offer.task.sid, task.sid);
    assert.equal(first.offer.task.transfers.incoming.mode, 'WARM');
    const failed = once(first.outgoing, 'failed');
    await first.offer.reject();
    await failed;
    const second = await toColleague();
    const [gone, canceled] = [once(second.offer, 'canceled'), once(second.outgoing, 'canceled')];
    await second.outgoing.cancel();
    await Promise.all([gone, canceled]);
    const third = await toColleague();
    const completed = once(third.outgoing, 'completed');
    await third.offer.accept();
    await completed;
    assert.equal((await workspace.tasks(task.sid).fetch()).assignmentStatus, 'assigned');
    await reservation.task.complete('handed over');
  });

  // covers: EB Supervisor.setWorkerAttributes, EB Supervisor.setWorkerActivity
  it('lets a supervisor change others, and a worker only itself', async () => {
    const { sid } = await hired('watched');
    const boss = await hired('boss', activities.Offline);
    const token = tokenOf({ worker: boss.sid, role: 'supervisor' });
    const supervisor = new Supervisor(token, servers());
    clients.push(supervisor);
    await once(supervisor, 'ready');
    await supervisor.setWorkerAttributes(sid, { name: 'watched', level: 3 });
    assert.equal(JSON.parse((await workspace.workers(sid).fetch()).attributes).level, 3);
    await supervisor.setWorkerActivity(sid, activities.Unavailable);
    assert.equal((await workspace.workers(sid).fetch()).activityName, 'Unavailable');
    await assert.rejects(supervisor.setWorkerActivity(`WK${'0'.repeat(32)}`, activities.Offline), /404/);
    const plain = new Supervisor(tokenOf({ worker: boss.sid, role: 'worker' }), servers());
    clients.push(plain);
    await once(plain, 'ready');
    await assert.rejects(plain.setWorkerActivity(sid, activities.Offline), /403/);
  });

  // covers: EB Workspace.fetchWorkersInfo, EB Workspace.fetchWorkerInfo, EB Workspace.fetchTaskQueues, EB Workspace.fetchTaskQueue, EB Workspace.fetchTask
  // covers: EB Workspace.fetchWorkers, EB Workspace.fetchWorker
  it('reads the workspace', async () => {
    for (const name of ['reader-a', 'reader-b', 'reader-c']) await hired(name, activities.Unavailable);
    const reads = new Workspace(tokenOf({ role: 'admin' }), { ...servers(), pageSize: 1 }, workspaceSid);
    const names = (found) => [...found.values()].map(({ name, friendlyName }) => name || friendlyName).sort();
    const listed = await reads.fetchWorkersInfo({ TargetWorkersExpression: "name IN ['reader-a','reader-b','reader-c']" });
    assert.deepEqual(names(listed), ['reader-a', 'reader-b', 'reader-c']);
    const ordered = await reads.fetchWorkersInfo({ FriendlyName: 'reader-b', Ordering: 'DateStatusChanged:desc' });
    assert.deepEqual(names(ordered), ['reader-b']);
    const [one] = [...listed.values()];
    assert.equal((await reads.fetchWorkerInfo(one.sid)).sid, one.sid);
    assert.equal((await reads.fetchWorker(one.sid)).sid, one.sid);
    assert.equal((await reads.fetchWorkers({ FriendlyName: 'reader-c' })).size, 1);
    const queues = await reads.fetchTaskQueues({ WorkerSid: one.sid });
    assert.deepEqual([...queues.values()].map(({ name, queueName }) => name || queueName), ['English']);
    assert.equal((await reads.fetchTaskQueue(queue.sid)).targetWorkers, queue.targetWorkers);
    const task = await taskFor('nobody');
    assert.equal((await reads.fetchTask(task.sid)).sid, task.sid);
    await assert.rejects(reads.fetchTask(`WT${'0'.repeat(32)}`), /404/);
    await assert.rejects(reads.fetchWorkersInfo({ ActivitySid: 'WAxxx' }), /400/);
  });

  it('comes back after the connection was cut', async () => {
    // A wire of our own between the client and the server, which can be cut.
    const upstream = new URL(URL_BASE);
    const sockets = new Set();
    const wire = net.createServer((socket) => {
      const through = net.connect(Number(upstream.port), upstream.hostname);
      for (const [from, to] of [[socket, through], [through, socket]]) {
        sockets.add(from);
        from.on('error', () => {});
        from.on('close', () => to.destroy());
        from.pipe(to);
      }
    });
    await new Promise((listening) => wire.listen(0, '127.0.0.1', listening));
    try {
      const worker = await agent('cut', servers(`http://127.0.0.1:${wire.address().port}`));
      const away = new Promise((resolve) => worker.once('disconnected', resolve));
      const back = once(worker, 'ready');
      sockets.forEach((socket) => socket.destroy());
      await away;
      await back;
      const created = once(worker, 'reservationCreated');
      await taskFor('cut');
      await created;
    } finally {
      clients.splice(0).forEach((each) => each.disconnect());
      sockets.forEach((socket) => socket.destroy());
      wire.close();
    }
  });

  it('goes offline after its last connection, where asked to', async () => {
    const worker = await agent('leaves', { setWorkerOfflineIfDisconnected: true });
    worker.disconnect();
    const end = Date.now() + DEADLINE_MS;
    const activity = async () => (await workspace.workers(worker.sid).fetch()).activityName;
    while ((await activity()) !== 'Offline') assert.ok(Date.now() < end, 'the worker stayed');
  });

  // covers: EB Reservation.wrap, EB Reservation.fetchLatestVersion, EB Task.fetchLatestVersion
  // covers: EB Task.setVirtualStartTime
  it('wraps up, and reads again what it has', async () => {
    const { task, reservation } = await offered('wraps');
    await reservation.accept();
    const start = new Date('2026-03-25T10:00:00Z');
    await reservation.task.setVirtualStartTime(start);
    assert.equal((await workspace.tasks(task.sid).fetch()).virtualStartTime.getTime(), start.getTime());
    const wrapup = once(reservation, 'wrapup');
    await reservation.wrap();
    await wrapup;
    assert.equal((await reservation.fetchLatestVersion()).status, 'wrapping');
    assert.equal((await reservation.task.fetchLatestVersion()).status, 'wrapping');
    await assert.rejects(reservation.task.setVirtualStartTime(new Date(Date.now() + 3_600_000)), /400.*future/);
    await reservation.complete();
  });

  // covers: EB Reservation.call, EB Reservation.dequeue, EB Reservation.redirect, EB Reservation.conference
  // covers: EB Reservation.updateParticipant, EB Task.updateParticipant, EB Task.hold, EB Task.kick
  it('says why there is nothing to do without a call', async () => {
    const { worker, reservation } = await offered('silent');
    const nobody = `WK${'0'.repeat(32)}`;
    const gone = `CA${'0'.repeat(32)}`;
    await assert.rejects(reservation.call('+15550100001', 'http://127.0.0.1:1/'), /400.*contact_uri/);
    await assert.rejects(reservation.dequeue(), /400.*call_sid/);
    await assert.rejects(reservation.redirect('CAx', 'http://127.0.0.1:1/'), /400.*call_sid/);
    await assert.rejects(reservation.conference({ from: '+15550100001' }), /400.*contact_uri/);
    await assert.rejects(reservation.updateParticipant({ mute: true }), /400/);
    await assert.rejects(reservation.task.updateParticipant({ hold: true }), /400/);
    await assert.rejects(reservation.task.hold(nobody, true), /400/);
    await assert.rejects(reservation.task.kick(nobody), /400/);
    // An instruction that cannot be carried out ends the offer.
    const canceled = once(reservation, 'canceled');
    const again = once(worker, 'reservationCreated');
    await reservation.redirect(gone, 'http://127.0.0.1:1/', { accept: true });
    await canceled;
    await (await again).reject({ activitySid: activities.Offline });
  });

  it('hears that no reservation was made for its own task in time', async () => {
    const worker = await agent('unreached', {}, activities.Offline);
    const failed = once(worker, 'reservationFailed');
    const task = await workspace.tasks.create({
      workflowSid: workflow.sid,
      routingTarget: worker.sid,
      ignoreCapacity: 'false',
      timeout: 1,
    });
    const told = await failed;
    assert.equal(told.sid, task.sid);
    assert.equal(told.reason, 'RoutingTarget SLA for Reservation creation was not met');
    const [event] = await workspace.events.list({ taskSid: task.sid, eventType: 'reservation.failed' });
    assert.equal(event.eventData.worker_sid, worker.sid);
  });

  it('has several sessions that hear the same, or one alone', async () => {
    const first = await agent('twice');
    const token = () => tokenOf({ worker: first.sid, role: 'worker' });
    const second = new Worker(token(), servers());
    clients.push(second);
    await once(second, 'ready');
    const both = [first, second].map((each) => once(each, 'attributesUpdated'));
    await workspace.workers(first.sid).update({ attributes: JSON.stringify({ name: 'twice', n: 2 }) });
    for (const each of await Promise.all(both)) assert.equal(each.attributes.n, 2);
    // The others are closed with a reason, and come back as the package does.
    const closed = [first, second].map((each) => new Promise((resolve) => each.once('disconnected', resolve)));
    const back = [first, second].map((each) => once(each, 'ready'));
    const alone = new Worker(token(), { ...servers(), closeExistingSessions: true });
    clients.push(alone);
    await once(alone, 'ready');
    for (const said of await Promise.all(closed)) assert.match(said.message, /newer session/);
    await Promise.all(back);
  });

  it('keeps its connection with a new token, and loses it with the old one', async () => {
    const { sid } = await hired('expires', activities.Offline);
    const grant = { worker: sid, role: 'worker' };
    const worker = new Worker(tokenOf(grant, { ttl: 8 }), servers());
    clients.push(worker);
    await once(worker, 'ready');
    await once(worker, 'tokenExpired');
    const updated = once(worker, 'tokenUpdated');
    worker.updateToken(tokenOf(grant));
    await updated;
    await worker.fetchLatestVersion();
    // A connection beside it whose token nobody renews ends with a code and a reason.
    const other = await hired('expires-too', activities.Offline);
    const url = servers().wsServer;
    const raw = new WebSocket(`${url}?token=${tokenOf({ worker: other.sid, role: 'worker' }, { ttl: 6 })}`);
    const [code, reason] = await events.once(raw, 'close');
    assert.deepEqual([code, String(reason)], [1008, 'The token has expired']);
    // By then the first token of the other one is over, too.
    const heard = once(worker, 'attributesUpdated');
    await workspace.workers(sid).update({ attributes: JSON.stringify({ name: 'expires', n: 1 }) });
    assert.equal((await heard).attributes.n, 1);
  });

  /** A token as the oldest client's helper makes it: signed with the account's own, with policies. */
  function capabilityOf(channel, policies, more) {
    const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const claims = {
      iss: ACCOUNT,
      exp: Math.floor(Date.now() / 1000) + 3600,
      version: 'v1',
      friendly_name: channel,
      account_sid: ACCOUNT,
      channel,
      workspace_sid: workspaceSid,
      policies: policies.map(([url, method]) => ({ url, method, allow: true })),
      ...more,
    };
    const signed = `${part({ typ: 'JWT', alg: 'HS256' })}.${part(claims)}`;
    return `${signed}.${createHmac('sha256', TOKEN).update(signed).digest('base64url')}`;
  }

  it('opens a websocket for a capability token, tells it what happens, and keeps it warm', async () => {
    const { sid } = await hired('oldest');
    const eb = (channel) => `https://event-bridge.twilio.com/v1/wschannels/${ACCOUNT}/${channel}`;
    const open = (channel, token) => new WebSocket(`${servers().wsServer}/${ACCOUNT}/${channel}?token=${token}`);
    const messages = [];
    const socket = open(sid, capabilityOf(sid, [[eb(sid), 'GET']], { worker_sid: sid }));
    const heard = (is) =>
      new Promise((resolve) => {
        const look = () => messages.some(is) && resolve(messages.find(is));
        socket.on('message', look);
        look();
      });
    socket.on('message', (text) => messages.push(String(text).trim() === '' ? ' ' : JSON.parse(text)));
    const init = await heard((message) => message.event_type === 'init');
    assert.deepEqual(init.payload.channel_id, sid);
    assert.ok(init.payload.token_lifetime > 3_000_000);
    const task = await taskFor('oldest');
    const created = await heard((message) => message.event_type === 'reservation.created');
    assert.equal(created.payload.task.sid, task.sid);
    // Of the workspace, for whoever may only read it.
    const whole = open(workspaceSid, capabilityOf(workspaceSid, [[eb(workspaceSid), 'GET']]));
    const [first] = await events.once(whole, 'message');
    assert.equal(JSON.parse(first).payload.channel_id, workspaceSid);
    whole.close();
    // Not without the policy, and not another's.
    const refusal = async (channel, token) => {
      const [error] = await events.once(open(channel, token), 'error');
      return error.message;
    };
    assert.match(await refusal(sid, capabilityOf(sid, [], { worker_sid: sid })), /403/);
    const own = capabilityOf(sid, [[eb(sid), 'GET']], { worker_sid: sid });
    assert.match(await refusal(`WK${'0'.repeat(32)}`, own), /403/);
    assert.match(await refusal(sid, `${own}x`), /401/);
    await heard((message) => message === ' ');
    socket.close();
  });

  it('is turned away with a bad token', async () => {
    const { sid } = await hired('stranger', activities.Offline);
    const grant = { worker: sid, role: 'worker' };
    const upgrade = (token) =>
      new Promise((resolve, reject) => {
        const headers = {
          Connection: 'Upgrade',
          Upgrade: 'websocket',
          'Sec-WebSocket-Version': '13',
          'Sec-WebSocket-Key': randomBytes(16).toString('base64'),
        };
        const request = http.get(`${URL_BASE}/event-bridge/v1/wschannels?token=${token}`, { headers }, (response) => {
          response.resume();
          resolve(response.statusCode);
        });
        request.on('upgrade', (response, socket) => {
          socket.destroy();
          resolve(response.statusCode);
        });
        request.on('error', reject);
      });
    assert.equal(await upgrade(tokenOf(grant)), 101);
    assert.equal(await upgrade(tokenOf(grant, { secret: 'another' })), 401);
    assert.equal(await upgrade(tokenOf(grant, { ttl: -10 })), 401);
    assert.equal(await upgrade('nonsense'), 401);
    // The SDK goes on trying for ever, whatever it is told, so it does that in a thread that can be ended.
    const script = `
      const { parentPort, workerData } = require('node:worker_threads');
      const { Worker } = require('twilio-taskrouter');
      const worker = new Worker(workerData.token, workerData.options);
      worker.on('ready', () => parentPort.postMessage('ready'));
      worker.on('error', (error) => parentPort.postMessage(String(error.message)));`;
    const workerData = { token: tokenOf(grant, { secret: 'another' }), options: servers() };
    const thread = new Thread(script, { eval: true, workerData });
    try {
      const [heard] = await events.once(thread, 'message');
      assert.match(heard, /connect/i);
    } finally {
      await thread.terminate();
    }
  });
});
