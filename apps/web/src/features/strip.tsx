import { useEffect, useRef, useState } from 'react';
import type { DeskCall, DeskParty } from '../api/desk.gen';
import { useHere } from '../app/context';
import { addPerson, answer, available, dial, end, hold, keypad, mute, park, pickUp, reject, transfer } from '../core/actions';
import { activeCall, isAvailable, nameOf, prettyNumber } from '../core/desk';
import { duration, useNow } from '../core/time';
import { useWords } from '../i18n';
import { mustPickUp } from '../phone/phone';
import { Icon, type IconName } from '../ui/icons';
import { Badge, Clock, Do, Meter, Press, Trouble, useLeft, type Tone } from '../ui/parts';

/** Rows in the strip; the rest is in My work. */
const ROWS_MAX = 4;
/** A hold, or a park, that lasts this long is shown as too long. */
const HOLD_LONG_MS = 120_000;
const PARK_LONG_MS = 60_000;

/** One row per call, on every page. Empty, it takes no space. */
export function Strip() {
  const { desk } = useHere();
  const { say } = useWords();
  const rows = desk.calls.filter((c) => c.state !== 'wrap-up');
  return (
    <section className="strip" aria-label={say('strip.label')} tabIndex={-1} data-region hidden={rows.length === 0}>
      {rows.slice(0, ROWS_MAX).map((call) => (
        <Row key={call.reservation_sid} call={call} />
      ))}
      {rows.length > ROWS_MAX && <p className="more">{say('strip.more', { count: rows.length - ROWS_MAX })}</p>}
    </section>
  );
}

export const SIGN: Record<DeskCall['state'], IconName> = {
  live: 'phone', dialing: 'out', ringing: 'ring', parked: 'park', 'picking-up': 'phone', 'hung-up': 'gone', 'wrap-up': 'note',
};

function tone(call: DeskCall): Tone {
  if (call.state === 'hung-up') return 'red';
  if (call.state === 'parked') return 'orange';
  if (call.state === 'ringing' || call.state === 'live') return call.direct ? 'violet' : 'blue';
  return 'grey';
}

export function Origin({ call }: { call: DeskCall }) {
  const { desk } = useHere();
  const { say } = useWords();
  const { extension } = desk.me;
  return (
    <>
      {call.outbound && <Badge tone="grey" icon="out">{say('badge.outbound')}</Badge>}
      {call.transferred_by && <Badge tone="grey" icon="transfer">{say('badge.transfer', { name: call.transferred_by })}</Badge>}
      {!call.outbound && call.direct && (
        <Badge tone="violet" icon="direct">{extension ? say('badge.direct.ext', { extension }) : say('badge.direct')}</Badge>
      )}
      {!call.outbound && !call.direct && call.queue_name && (
        <Badge tone="blue" icon="queues">{say('badge.queue', { queue: call.queue_name })}</Badge>
      )}
      {call.recalled && <Badge tone="orange" icon="clock">{say('badge.returned')}</Badge>}
      {call.others.filter((party) => !party.ringing).map((party) => (
        <Badge key={party.party} tone={party.supervises ? 'red' : 'grey'} icon={party.supervises ? 'ring' : 'user'}>
          {say(party.supervises ? 'badge.listening' : 'badge.with', { name: party.worker_sid ? party.name : prettyNumber(party.name) })}
        </Badge>
      ))}
    </>
  );
}

function Row({ call }: { call: DeskCall }) {
  const here = useHere();
  const ringing = call.state === 'ringing' || call.recalled;
  return (
    <div className={`row ${tone(call)} ${call.state} ${ringing ? 'rings' : ''}`} data-call={call.reservation_sid} data-state={call.state}>
      <div className="who">
        <span className="sign-of"><Icon name={SIGN[call.state]} size={18} /></span>
        <button type="button" className="name" onClick={() => { here.go('desk'); here.select(call.reservation_sid); }}>
          {nameOf(call)}
        </button>
        {call.name && <span className="number">{prettyNumber(call.number)}</span>}
        <Condition call={call} />
        <span className="badges"><Origin call={call} /></span>
      </div>
      <div className="controls"><Controls call={call} /></div>
      <Consult call={call} />
      <Trouble where={call.reservation_sid} />
    </div>
  );
}

/** What the call is doing, and for how long. */
function Condition({ call }: { call: DeskCall }) {
  const { say } = useWords();
  const { phone, desk } = useHere();
  const left = useLeft(call.until);
  const now = useNow();
  const shown = duration(left);
  switch (call.state) {
    case 'live': {
      const long = call.held_since !== null && now - Date.parse(call.held_since) > HOLD_LONG_MS;
      return (
        <span className="condition">
          <Clock since={call.since} />
          {call.held_since && (
            <Badge tone={long ? 'orange' : 'grey'} icon="pause">{say('state.hold')} <Clock since={call.held_since} /></Badge>
          )}
          {call.muted && <Badge tone="red" icon="mic-off">{say('state.muted')}</Badge>}
        </span>
      );
    }
    case 'ringing':
      return (
        <span className="condition">
          <strong>{say('state.ringing')}</strong>
          {call.until && <><Meter since={call.since} until={call.until} tone={tone(call)} /> {say('call.left', { time: shown })}</>}
        </span>
      );
    case 'parked': {
      const long = now - Date.parse(call.since) > PARK_LONG_MS;
      return (
        <span className={long ? 'condition long' : 'condition'}>
          <span>{say('state.parked')} <Clock since={call.since} /></span>
          {call.until && <><Meter since={call.since} until={call.until} tone="orange" /> {say('call.returns', { time: shown })}</>}
        </span>
      );
    }
    case 'picking-up':
      return (
        <span className="condition">
          <strong>{say(call.recalled ? 'state.ringing' : 'state.picking-up')}</strong>
          {mustPickUp(phone, call, desk.calls) && <span>{say('call.pickup.phone')}</span>}
        </span>
      );
    case 'hung-up':
      return <span className="condition"><strong>{say('state.hung-up')}</strong><Clock since={call.since} /></span>;
    default:
      return <span className="condition">{say(`state.${call.state}`)} <Clock since={call.since} /></span>;
  }
}

function Controls({ call }: { call: DeskCall }) {
  const here = useHere();
  const { say } = useWords();
  const { desk } = here;
  switch (call.state) {
    case 'live':
      return (
        <>
          <Do action={mute} call={call} icon={call.muted ? 'mic-off' : 'mic'} pressed={call.muted} />
          <Do action={hold} call={call} icon={call.held_since ? 'play' : 'pause'} pressed={call.held_since !== null} />
          {here.phone?.kind === 'station' && <Do action={keypad} call={call} icon="keypad" />}
          <Do action={transfer} call={call} icon="transfer" />
          <Do action={addPerson} call={call} icon="user" />
          <Do action={park} call={call} icon="park" />
          <End call={call} />
        </>
      );
    case 'dialing':
      return <End call={call} />;
    case 'ringing':
      if (call.outbound) {
        return <><span className="hint">{say('call.phone.rings')}</span><End call={call} /></>;
      }
      return (
        <>
          <Do action={answer} call={call} icon="phone" tone="primary" />
          <Do action={reject} call={call} icon="close" />
        </>
      );
    case 'parked': {
      return (
        <>
          {isAvailable(desk)
            ? <Do action={pickUp} call={call} icon={activeCall(desk) ? 'swap' : 'play'} tone={activeCall(desk) ? 'plain' : 'primary'} />
            : <Away call={call} />}
          {desk.policy.on && <Press onClick={() => void here.act(call, 'action.requeue', 'ReturnToQueue')}>{say('action.requeue')}</Press>}
          <Press icon="end" onClick={() => void end.run(here, call)}>{say('action.end')}</Press>
        </>
      );
    }
    case 'picking-up':
      return call.recalled ? <Do action={answer} call={call} icon="play" tone="primary" /> : null;
    case 'hung-up':
      return (
        <>
          <Press icon="note" onClick={() => { here.go('desk'); here.select(call.reservation_sid); }}>{say('wrap.title')}</Press>
          <Press icon="phone" onClick={() => here.open({ is: 'dial', to: call.number })} title={say(dial.title)}>{say('action.callback')}</Press>
          <Press onClick={() => void here.act(call, 'action.dismiss', 'Complete')}>{say('action.dismiss')}</Press>
        </>
      );
    default:
      return null;
  }
}

/** A pick-up is refused in place, without asking anybody. */
function Away({ call }: { call: DeskCall }) {
  const here = useHere();
  const { say } = useWords();
  const activity = here.desk.activities.find((a) => a.sid === here.desk.me.activity_sid)?.name ?? '';
  const free = available(here.desk);
  return (
    <>
      <span className="hint">{say('pickup.away', { activity })}</span>
      <Press
        icon="play"
        onClick={async () => {
          if (free && (await here.beActivity(free.sid))) await here.act(call, 'action.pickup', 'PickUp');
        }}
      >
        {say('pickup.go')}
      </Press>
    </>
  );
}

/** At the far right, apart, never disabled; by key it asks for a second press. */
function End({ call }: { call: DeskCall }) {
  const here = useHere();
  const { say } = useWords();
  return (
    <Press className="end" tone="danger" icon="end" onClick={() => void end.run(here, call)}>{say('action.end')}</Press>
  );
}

/** A hand-over under way, or what came of it. */
function Consult({ call }: { call: DeskCall }) {
  const here = useHere();
  const { say } = useWords();
  const [put, setPut] = useState<string | null>(null);
  const shown = useRef(false);
  const { transfer: of } = call;
  const name = nameOf(call);
  if (of?.status === 'initiated') shown.current = true;
  const colleagues = call.others.filter((party) => !party.supervises);
  if (call.state !== 'live') return null;
  const talk = (body: object) => void here.act(call, 'action.transfer', 'Talk', body);
  if (of?.status === 'initiated') {
    return (
      <div className="consult">
        <span>{say('transfer.waiting', { to: of.to, name })}</span>
        <Press onClick={() => void here.act(call, 'action.cancel', 'CancelTransfer')}>{say('action.cancel.transfer')}</Press>
      </div>
    );
  }
  if (colleagues.length > 0) return <Room call={call} parties={colleagues} />;
  if (of?.status === 'failed' && shown.current && put !== of.sid) {
    const held = call.held_since !== null;
    return (
      <div className="consult" role="alert">
        <span>{say(held ? 'transfer.failed' : 'transfer.failed.live', { to: of.to, name })}</span>
        {held && <Press tone="primary" onClick={() => talk({ party: 'customer', hold: false })}>{say('action.talk', { name })}</Press>}
        <Press onClick={() => setPut(of.sid)}>{say('action.dismiss')}</Press>
      </div>
    );
  }
  return null;
}

/** Everybody in a conversation of more than two, and what can be done about each. */
function Room({ call, parties }: { call: DeskCall; parties: DeskParty[] }) {
  const here = useHere();
  const { say } = useWords();
  const name = nameOf(call);
  const talk = (body: object) => here.act(call, 'action.transfer', 'Talk', body);
  const held = call.held_since !== null;
  const waiting = parties.filter((party) => party.held);
  const merge = async () => {
    if (held && !(await talk({ party: 'customer', hold: false }))) return false;
    for (const party of waiting) if (!(await talk({ party: party.party, hold: false }))) return false;
    return true;
  };
  /** Nobody is left on hold by somebody who has gone. */
  const leave = async () => (await merge()) && talk({ party: 'me', leave: true });
  const together = parties.some((party) => !party.ringing) && held && here.adding === call.reservation_sid;
  useEffect(() => {
    if (!together) return;
    here.add(null);
    void merge();
  }, [together]);
  const state = (party: DeskParty) => (party.ringing ? 'room.ringing' : party.held ? 'state.hold' : 'room.talking');
  const shown = (party: DeskParty) => (party.worker_sid ? party.name : prettyNumber(party.name));
  return (
    <div className="consult room" role="group" aria-label={say('room.label', { name })}>
      <ul>
        <li>
          <span className="grow">{name}</span>
          <span className="hint">{say(held ? 'state.hold' : 'room.talking')}</span>
          <Press onClick={() => void talk({ party: 'customer', hold: !held })}>
            {say(held ? 'action.talk' : 'action.hold.name', { name })}
          </Press>
        </li>
        {parties.map((party) => (
          <li key={party.party}>
            <span className="grow">{shown(party)}</span>
            <span className="hint">{say(state(party))}</span>
            {!party.ringing && (
              <Press onClick={() => void talk({ party: party.party, hold: !party.held })}>
                {say(party.held ? 'action.talk' : 'action.hold.name', { name: shown(party) })}
              </Press>
            )}
            <Press onClick={() => void talk({ party: party.party, leave: true })}>
              {say(party.ringing ? 'action.cancel' : 'action.remove')}<span className="hidden"> {shown(party)}</span>
            </Press>
          </li>
        ))}
      </ul>
      <span className="buttons">
        {(held || waiting.length > 0) && parties.some((party) => !party.ringing) && (
          <Press onClick={() => void merge()}>{say('room.merge')}</Press>
        )}
        {parties.some((party) => !party.ringing) && (
          <Press tone="primary" onClick={() => void leave()}>{say('room.leave')}</Press>
        )}
      </span>
    </div>
  );
}
