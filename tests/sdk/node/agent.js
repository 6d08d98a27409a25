'use strict';

// An agent's (or supervisor's) client of the unmodified package twilio-taskrouter, driven over standard input by a test
// that has the phones: `node agent.js WORKSPACE WORKER ROLE`. One JSON array a line comes in, `[id, name, …arguments]`;
// one JSON object a line goes out: `{id, ok}` or `{id, error}` in answer, `{event, sid, …}` for what the client heard.

const { createInterface } = require('node:readline');
const { Supervisor, Worker } = require('twilio-taskrouter');
const { tandem } = require('tandem-twilio');
const { AccessToken } = require('twilio').jwt;

const [workspaceSid, workerSid, role] = process.argv.slice(2);
const { TANDEM_URL, TANDEM_ACCOUNT_SID, TANDEM_AUTH_TOKEN } = process.env;
const say = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);

/** Everything that happens to a reservation, its task and its transfers. */
function follow(reservation) {
  const { sid, task } = reservation;
  for (const event of ['accepted', 'rejected', 'timeout', 'canceled', 'rescinded', 'completed', 'wrapup']) {
    reservation.on(event, () => say({ event, sid }));
  }
  for (const event of ['updated', 'canceled', 'completed', 'wrapup']) {
    task.on(event, () => say({ event: `task.${event}`, sid, status: task.status }));
  }
  task.on('transferInitiated', (transfer) => {
    say({ event: 'transferInitiated', sid, mode: transfer.mode });
    followTransfer(sid, transfer);
  });
}

const followed = new WeakSet();

/** Once: the package looks only every half second whether the request that its events are about has been answered. */
function followTransfer(sid, transfer) {
  if (followed.has(transfer)) return;
  followed.add(transfer);
  for (const event of ['attemptFailed', 'completed', 'failed', 'canceled']) {
    transfer.on(event, () => say({ event: `transfer.${event}`, sid, status: transfer.status }));
  }
}

async function main() {
  const key = await tandem(TANDEM_URL, TANDEM_ACCOUNT_SID, TANDEM_AUTH_TOKEN).newKeys.create({ friendlyName: 'agent' });
  const token = new AccessToken(TANDEM_ACCOUNT_SID, key.sid, key.secret, { identity: workerSid, ttl: 3600 });
  token.addGrant(new AccessToken.TaskRouterGrant({ workspaceSid, workerSid, role }));
  const options = {
    ebServer: `${TANDEM_URL}/event-bridge/v1/wschannels`,
    wsServer: `${TANDEM_URL.replace('http', 'ws')}/event-bridge/v1/wschannels`,
    logLevel: 'silent',
  };
  const client = new (role === 'supervisor' ? Supervisor : Worker)(token.toJwt(), options);
  client.on('reservationCreated', (reservation) => {
    follow(reservation);
    const { sid, task } = reservation;
    const incoming = task.transfers && task.transfers.incoming;
    say({ event: 'reservationCreated', sid, task: task.sid, transfer: incoming ? incoming.mode : null });
  });
  client.on('reservationFailed', (task) => say({ event: 'reservationFailed', sid: task.sid, reason: task.reason }));
  const of = (sid) => client.reservations.get(sid);
  const does = {
    accept: (sid) => of(sid).accept(),
    reject: (sid) => of(sid).reject(),
    complete: (sid) => of(sid).complete(),
    wrap: (sid) => of(sid).wrap(),
    call: (sid, from, url, more) => of(sid).call(from, url, more),
    dequeue: (sid, more) => of(sid).dequeue(more),
    redirect: (sid, call, url, more) => of(sid).redirect(call, url, more),
    conference: (sid, more) => of(sid).conference(more),
    updateOwn: (sid, more) => of(sid).updateParticipant(more),
    updateCustomer: (sid, more) => of(sid).task.updateParticipant(more),
    hold: (sid, worker, held, more) => of(sid).task.hold(worker, held, more),
    kick: (sid, worker) => of(sid).task.kick(worker),
    transfer: async (sid, to, more) => followTransfer(sid, (await of(sid).task.transfer(to, more)).transfers.outgoing),
    cancelTransfer: (sid) => of(sid).task.transfers.outgoing.cancel(),
    completeTask: (sid, reason) => of(sid).task.complete(reason),
    monitor: (task, sid, more) => client.monitor(task, sid, more),
    createTask: (...more) => client.createTask(...more),
  };
  client.once('ready', () => say({ event: 'ready' }));
  client.on('error', (error) => say({ event: 'error', message: String(error.message) }));
  for await (const line of createInterface({ input: process.stdin })) {
    const [id, name, ...more] = JSON.parse(line);
    try {
      await does[name](...more);
      say({ id, ok: true });
    } catch (error) {
      say({ id, error: String(error.message) });
    }
  }
  process.exit(0);
}

main();
