import { useEffect, useId, useRef, useState } from 'react';
import type { OwnNumber } from './core/api';
import type { Heard } from './core/ear';
import type { Line, LineState } from './core/line';
import { pretty, type Persona, type Wish } from './core/people';
import { SOURCES, unlock, type Hearing, type Source } from './core/sound';
import { Faults } from './faults';
import { useWords, type Say } from './i18n';
import { reportOf, useLine, usePhone, useTick, type Phone, type Report } from './phone';

const KEYS = ['1', '2', '3', '4', '5', '6', '7', '8', '9', '*', '0', '#'];
const SECOND_MS = 1000;
const LEVEL_MS = 100;
const PERCENT = 100;

type Props = {
  persona: Persona;
  numbers: readonly OwnNumber[];
  wish: Wish | null;
  /** What this customer hears comes out of the speaker. */
  aloud: boolean;
  listen: (aloud: boolean) => void;
  remove?: () => void;
};

/** A customer with a phone. */
export function Card(props: Props) {
  const { phone, hearing } = usePhone(props.persona);
  return phone && <PhoneCard {...props} phone={phone} hearing={hearing} />;
}

function PhoneCard({ persona, numbers, wish, aloud, listen, remove, phone, hearing }: Props & { phone: Phone; hearing: Hearing | null }) {
  const { say } = useWords();
  const state = useLine(phone.line);
  const { name, number } = persona;
  useEffect(() => phone.ear.aloud(aloud), [phone, aloud]);
  return (
    <article className="card phone" aria-label={name} data-number={number} data-link={state.link} data-call={state.call?.state ?? 'none'}>
      <header>
        <h2>{name}</h2>
        <span className="number">{pretty(number)}</span>
        <button type="button" className="press small" aria-pressed={aloud} onClick={() => { unlock(); listen(!aloud); }}>{say('phone.listen')}</button>
        {remove && <button type="button" className="sign" aria-label={say('phone.remove', { name })} onClick={remove}>×</button>}
      </header>
      <p className="hint" role="status">{say(`link.${state.link}`)}{state.link === 'refused' && state.why ? `: ${state.why}` : ''}</p>
      {state.call ? <InCall persona={persona} line={phone.line} state={state} /> : <Dial name={name} line={phone.line} state={state} numbers={numbers} wish={wish} />}
      <Sound persona={persona} phone={phone} state={state} hearing={hearing} wish={wish} />
      <Faults name={name} line={phone.line} state={state} />
      <div className="messages">
        <h3>{say('messages.title')}</h3>
        <p className="hint">{say('messages.later')}</p>
      </div>
    </article>
  );
}

type Dialling = { name: string; line: Line; state: LineState; numbers: readonly OwnNumber[]; wish: Wish | null };

function Dial({ name, line, state, numbers, wish }: Dialling) {
  const { say } = useWords();
  const listed = numbers.some((one) => one.number === wish?.to);
  const [to, setTo] = useState(listed ? (wish?.to ?? '') : wish?.to ? '' : (numbers[0]?.number ?? ''));
  const [typed, setTyped] = useState(listed ? '' : (wish?.to ?? ''));
  const dialled = to || typed.replace(/[\s().-]/g, '');
  const asked = useRef(wish?.calls ?? false);
  const ready = state.link === 'ready';
  useEffect(() => {
    if (!ready || !asked.current || !dialled) return;
    asked.current = false;
    void line.call(dialled);
  }, [ready, dialled, line]);
  return (
    <form onSubmit={(event) => { event.preventDefault(); unlock(); if (dialled) void line.call(dialled); }}>
      <label className="field">
        <span>{say('phone.to')}</span>
        <select value={to} onChange={({ target }) => setTo(target.value)}>
          {numbers.map((one) => <option key={one.number} value={one.number}>{one.name} {pretty(one.number)}</option>)}
          <option value="">{say('phone.other')}</option>
        </select>
      </label>
      {to === '' && (
        <label className="field">
          <span>{say('phone.number')}</span>
          <input value={typed} inputMode="tel" onChange={({ target }) => setTyped(target.value)} />
        </label>
      )}
      <button type="submit" className="press primary" aria-disabled={!ready}>{say('phone.call')}</button>
      {state.ended && <p className="hint" role="status">{say(`ended.${state.ended}`, { name, why: state.why ?? '' })}</p>}
    </form>
  );
}

/** What the call is doing, in words. */
function doing({ call }: LineState, say: Say): string {
  if (!call) return '';
  const other = pretty(call.other);
  if (call.state === 'calling') return say('phone.calling', { other });
  if (call.state === 'live') return say('phone.live', { other });
  return say(call.way === 'in' ? 'phone.rings' : 'phone.ringing', { other });
}

function InCall({ persona: { name }, line, state }: { persona: Persona; line: Line; state: LineState }) {
  const { say } = useWords();
  const now = useTick(SECOND_MS);
  const { call } = state;
  if (!call) return null;
  const rings = call.way === 'in' && call.state === 'ringing';
  const seconds = Math.max(0, Math.floor((now - call.since) / SECOND_MS));
  return (
    <div className="call">
      <p className="doing"><span role="status">{doing(state, say)}</span> <span className="clock" role="timer" aria-live="off">{Math.floor(seconds / 60)}:{String(seconds % 60).padStart(2, '0')}</span></p>
      {rings ? (
        <div className="buttons">
          <button type="button" className="press primary" onClick={() => { unlock(); void line.answer(); }}>{say('phone.answer')}</button>
          <button type="button" className="press" onClick={() => line.decline()}>{say('phone.decline')}</button>
        </div>
      ) : (
        <>
          <div className="keys" role="group" aria-label={say('phone.keypad', { name })}>
            {KEYS.map((key) => <button key={key} type="button" className="press" onClick={() => line.press(key)}>{key}</button>)}
          </div>
          <div className="buttons">
            <button type="button" className="press" aria-pressed={state.muted} onClick={() => line.mute(!state.muted)}>{say('phone.mute')}</button>
            <button type="button" className="press danger" onClick={() => line.hangUp()}>{say('phone.hangup')}</button>
          </div>
        </>
      )}
      {state.pressed && <p className="hint">{say('phone.sent', { keys: [...state.pressed].join(' · ') })}</p>}
      {state.keys && <p className="hint" role="status">{say('phone.keys', { keys: [...state.keys].join(' · ') })}</p>}
      {call.state === 'live' && <Quality line={line} />}
    </div>
  );
}

/** The line as the browser measures it. */
function Quality({ line }: { line: Line }) {
  const { say } = useWords();
  const [report, set] = useState<Report | null>(null);
  const now = useTick(SECOND_MS);
  useEffect(() => {
    let there = true;
    void line.statistics().then((stats) => there && stats && set(reportOf(stats)));
    return () => {
      there = false;
    };
  }, [line, now]);
  return report && <p className="hint">{say('phone.line', { codec: report.codec, delay: report.delay, loss: report.loss.toFixed(1) })}</p>;
}

function words(heard: Heard, say: Say): string {
  if (heard.is !== 'tones') return say(`hears.${heard.is}`);
  return say('hears.tones', { tones: heard.hz.map((hz) => say('hears.hz', { hz })).join(' + ') });
}

type Sounding = { persona: Persona; phone: Phone; state: LineState; hearing: Hearing | null; wish: Wish | null };

/** What the customer says and hears, as meters and as words. */
function Sound({ persona: { name, tone }, phone, state, hearing, wish }: Sounding) {
  const { say } = useWords();
  const id = useId();
  const [source, setSource] = useState<Source>('tone');
  const [refused, setRefused] = useState<Source | null>(null);
  const use = (next: Source) => {
    unlock();
    setRefused(null);
    setSource(next);
    phone.voice.use(next).catch(() => {
      setSource(source);
      setRefused(next);
    });
  };
  const wanted = wish?.voice;
  useEffect(() => {
    if (wanted && wanted !== 'tone') use(wanted);
  }, [phone, wanted]);
  useTick(LEVEL_MS);
  const live = state.call !== null;
  return (
    <>
      <fieldset>
        <legend>{say('voice.title', { name })}</legend>
        {SOURCES.map((one) => (
          <label key={one} className="choice">
            <input type="radio" name={`${id}-voice`} checked={source === one} onChange={() => use(one)} />
            {say(`voice.${one}`, { hz: tone })}
          </label>
        ))}
        {refused && <p className="trouble" role="alert">{say(refused === 'sample' ? 'voice.failed' : 'voice.refused')}</p>}
      </fieldset>
      <dl className="sound">
        <dt>{say('phone.you')}</dt>
        <dd><Level label={say('phone.level.you', { name })} value={live ? phone.voice.level() : 0} /></dd>
        <dt>{say('phone.them')}</dt>
        <dd>
          <Level label={say('phone.level.them', { name })} value={hearing?.level ?? 0} />
          <span className="heard">{hearing ? words(hearing.heard, say) : say('hears.nothing')}</span>
        </dd>
      </dl>
    </>
  );
}

function Level({ label, value }: { label: string; value: number }) {
  const percent = Math.round(value * PERCENT);
  return (
    <span className="level" role="meter" aria-label={label} aria-valuenow={percent} aria-valuemin={0} aria-valuemax={PERCENT}>
      <svg viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true"><rect width={percent} height="8" /></svg>
    </span>
  );
}
