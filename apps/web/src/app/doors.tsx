import { useEffect, useState, type FormEvent } from 'react';
import { ApiFailure, signIn, signInMethods } from '../api/client';
import type { SessionView } from '../api/desk.gen';
import { available } from '../core/actions';
import { isAvailable } from '../core/desk';
import { useWords } from '../i18n';
import { Devices, type Microphone } from '../features/phone';
import { canHear, openMicrophone } from '../phone/devices';
import { keepLine, keepsLine, ringsBrowser } from '../phone/phone';
import { Icon } from '../ui/icons';
import { useLoaded } from '../ui/loaded';
import { Press, Trouble } from '../ui/parts';
import { ring, unlock } from '../ui/sound';
import { useHere } from './context';

/** Why somebody is back from their provider of identities without being signed in. */
const BACK = ['failed', 'refused', 'late', 'unknown'] as const;

function cameBack() {
  const word = new URLSearchParams(location.search).get('sign-in');
  return BACK.find((one) => one === word) ?? null;
}

/** Signing in; password managers know the fields. */
export function Login({ over, entered }: { over: boolean; entered: (session: SessionView) => void }) {
  const { say } = useWords();
  const [back] = useState(cameBack);
  const [wrong, setWrong] = useState<string | null>(() => back && say(`login.back.${back}`));
  const [busy, setBusy] = useState(false);
  const methods = useLoaded(signInMethods, []);
  const other = methods !== 'failed' && methods?.single_sign_on;
  useEffect(() => {
    // Said once: a reload begins anew.
    if (back) history.replaceState(null, '', '/desk');
  }, [back]);
  const submit = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    setBusy(true);
    setWrong(null);
    try {
      entered(await signIn(String(form.get('username')), String(form.get('password'))));
    } catch (error) {
      const refused = error instanceof ApiFailure && error.status === 401;
      const why = error instanceof ApiFailure && error.status === 0 ? say('error.offline') : String((error as Error).message);
      setWrong(refused ? say('login.wrong') : say('login.failed', { why }));
    } finally {
      setBusy(false);
    }
  };
  return (
    <main className="door">
      <form onSubmit={submit} className="card">
        <img src="/desk/icon.svg" alt="" width="48" height="48" />
        <h1>{say('login.title')}</h1>
        {over && <p className="hint">{say('login.over')}</p>}
        <label className="field"><span>{say('login.name')}</span><input name="username" autoComplete="username" autoFocus required /></label>
        <label className="field">
          <span>{say('login.password')}</span><input name="password" type="password" autoComplete="current-password" required />
        </label>
        {wrong && <p className="trouble" role="alert">{wrong}</p>}
        <button type="submit" className="press primary big" aria-disabled={busy}><span>{say('login.button')}</span></button>
        {other && <a className="press big" href={other.start}><span>{say('login.other', { name: other.name })}</span></a>}
      </form>
    </main>
  );
}

/** Before the first work: phone, devices, ringtone, notifications. Its button lets the page make sounds. */
export function StartShift({ started }: { started: (works: boolean) => void }) {
  const here = useHere();
  const { say } = useWords();
  const known = 'Notification' in window ? Notification.permission : 'denied';
  const [allowed, setAllowed] = useState(known);
  const { me } = here.desk;
  const [browser, setBrowser] = useState(canHear() && (ringsBrowser(me) || localStorage.getItem(PHONE) !== 'sip' || !me.sip_uri));
  const [line, setLine] = useState(keepsLine);
  const [microphone, setMicrophone] = useState<Microphone>({ is: 'closed' });
  const [busy, setBusy] = useState(false);
  const use = (track: MediaStreamTrack) => {
    setMicrophone((before) => {
      if (before.is === 'open') before.track.stop();
      return { is: 'open', track };
    });
    return track;
  };
  const allow = () => openMicrophone().then(use, () => { setMicrophone({ is: 'refused' }); return null; });
  const begin = async () => {
    const phone = browser ? 'browser' : 'sip';
    if (browser) {
      const track = microphone.is === 'open' ? microphone.track : await allow();
      if (!track) return;
      if (!(await here.ask('shift.phone', '/Phone', { phone }))) return;
      here.station.open(track);
    } else {
      if (microphone.is === 'open') microphone.track.stop();
      if (me.sip_uri && !(await here.ask('shift.phone', '/Phone', { phone, line }))) return;
    }
    localStorage.setItem(PHONE, phone);
    keepLine(line);
    const free = available(here.desk);
    if (!isAvailable(here.desk) && free && !(await here.beActivity(free.sid))) return;
    started(true);
  };
  const start = async () => {
    unlock();
    if (busy) return;
    setBusy(true);
    await begin();
    setBusy(false);
  };
  return (
    <main className="door">
      <div className="card shift">
        <h1>{say('shift.title', { name: me.name.split(' ')[0] ?? '' })}</h1>
        <p className="hint">{say('shift.lead')}</p>
        <section>
          <h2><Icon name="phone" /> {say('shift.phone')}</h2>
          <fieldset>
            <legend className="hidden">{say('shift.phone')}</legend>
            <label className="pick">
              <input type="radio" name="phone" checked={browser} disabled={!canHear()} onChange={() => setBrowser(true)} />
              <span>{say('shift.phone.browser')}</span>
            </label>
            <label className="pick">
              <input type="radio" name="phone" checked={!browser} disabled={!me.sip_uri} onChange={() => setBrowser(false)} />
              <span>{me.sip_uri ? say('shift.phone.sip', { address: me.sip_uri.replace(/@.*$/, '') }) : say('shift.phone.none')}</span>
            </label>
          </fieldset>
          {!browser && me.sip_uri && (
            <label className="pick">
              <input type="checkbox" checked={line} onChange={(event) => setLine(event.target.checked)} />
              <span>{say('shift.line')}</span>
            </label>
          )}
          {browser && microphone.is === 'open' && <Devices microphone={microphone} use={use} />}
          {browser && microphone.is === 'closed' && <Press icon="mic" onClick={() => void allow()}>{say('phone.microphone.test')}</Press>}
          {browser && microphone.is === 'refused' && <p className="trouble" role="alert">{say('phone.microphone')}</p>}
          {!browser && <Press icon="play" onClick={() => { unlock(); ring(); }}>{say('shift.ringer.try')}</Press>}
        </section>
        <section>
          <h2><Icon name="note" /> {say('shift.notify')}</h2>
          <p>{say('shift.notify.why')}</p>
          {allowed === 'default' ? (
            <Press onClick={async () => setAllowed(await Notification.requestPermission())}>{say('shift.notify.allow')}</Press>
          ) : (
            <p className="hint">{say(allowed === 'granted' ? 'shift.notify.on' : 'shift.notify.off')}</p>
          )}
        </section>
        <Trouble where="desk" />
        <button type="button" className="press primary big" aria-disabled={busy} onClick={() => void start()}><span>{say('shift.start')}</span></button>
        <Press tone="quiet" onClick={() => { unlock(); started(false); }}>{say('shift.later')}</Press>
      </div>
    </main>
  );
}

/** Which phone this browser's user chose last. */
const PHONE = 'tandem.phone';
