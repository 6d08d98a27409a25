import { lazy, Suspense, useEffect, useRef, useState } from 'react';
import type { DeskMe } from '../api/desk.gen';
import { ACTIONS, answer, available, end, palette, shortcuts } from '../core/actions';
import { activeCall, callsIn, isAvailable, nameOf } from '../core/desk';
import { useHistory } from '../core/history';
import { pressed, written } from '../core/keys';
import { useNow } from '../core/time';
import { Missed, Queues, Team } from '../features/boards';
import { Layers } from '../features/layers';
import { LineBanner, PhoneBanner, PhoneMenu, useMutedVoice, useStation, type Microphone } from '../features/phone';
import { Strip } from '../features/strip';
import { Audit, SupervisionBanner } from '../features/supervise';
import { TimelinePage } from '../features/timeline';
import { Customer, MyWork, Selected } from '../features/work';
import { LANGUAGES, useWords, type Language } from '../i18n';
import { Icon, type IconName } from '../ui/icons';
import { Menu } from '../ui/menu';
import { Clock, Press, Trouble } from '../ui/parts';
import { knock, ring, tick } from '../ui/sound';
import { chooseTheme, themeNow, type Theme } from '../../../common/theme';
import { useHere, type Page } from './context';

const PAGES: { page: Page; icon: IconName }[] = [
  { page: 'desk', icon: 'phone' },
  { page: 'missed', icon: 'missed' },
  { page: 'queues', icon: 'queues' },
  { page: 'team', icon: 'team' },
  { page: 'timeline', icon: 'clock' },
  { page: 'audit', icon: 'list' },
  { page: 'admin', icon: 'settings' },
];
/** Pages of those who answer for others, and of those who set up. */
const SUPERVISORS: readonly Page[] = ['audit'];
const ADMINISTRATORS: readonly Page[] = ['admin'];
/** Few need it: it comes when it is opened. */
const Administration = lazy(() => import('../features/admin'));

/** Pages of those who take work. */
const WORKERS: readonly Page[] = ['desk', 'missed'];

function mayOpen(page: Page, { role, worker_sid }: DeskMe) {
  if (WORKERS.includes(page) && worker_sid === null) return false;
  return role === 'admin' || (!ADMINISTRATORS.includes(page) && (role !== 'agent' || !SUPERVISORS.includes(page)));
}
/** How often a ringing call is heard. */
const RING_MS = 3000;
/** Two presses of End by key within this time end a call. */
const TWICE_MS = 1500;

export function Shell({ works }: { works: boolean }) {
  const here = useHere();
  const { say } = useWords();
  const { microphone, allow } = useStation(works);
  useKeys();
  useHistory(here.desk.queues);
  useRinging();
  const missed = here.desk.notices.filter((n) => n.kind === 'missed').length;
  return (
    <div className="shell">
      <a className="skip" href="#main">{say('app.skip')}</a>
      <Header microphone={microphone} />
      <nav className="rail" aria-label={say('nav.label')}>
        {PAGES.filter(({ page }) => mayOpen(page, here.desk.me)).map(({ page, icon }) => (
          <button key={page} type="button" aria-current={here.page === page ? 'page' : undefined} onClick={() => here.go(page)}>
            <Icon name={icon} size={20} />
            <span>{say(`nav.${page}`)}</span>
            {page === 'missed' && missed > 0 && <b className="count">{missed}</b>}
          </button>
        ))}
      </nav>
      <div className="column">
        <LinkBanner />
        <PhoneBanner microphone={microphone} allow={allow} />
        <LineBanner />
        <SupervisionBanner />
        <Strip />
        <Notices />
        <Trouble where="desk" />
        <main id="main" className={`page ${here.page}`} tabIndex={-1}>
          <h1 className="hidden">{say(`nav.${here.page}`)}</h1>
          {here.page === 'desk' && <><MyWork /><Selected /><Customer /></>}
          {here.page === 'missed' && <Missed />}
          {here.page === 'queues' && <Queues />}
          {here.page === 'team' && <Team />}
          {here.page === 'timeline' && <TimelinePage />}
          {here.page === 'audit' && <Audit />}
          {here.page === 'admin' && (
            <Suspense fallback={<p className="loading" role="status">{say('page.loading')}</p>}><Administration /></Suspense>
          )}
        </main>
      </div>
      <Layers />
      <MutedVoice microphone={microphone} />
      <Announcer />
    </div>
  );
}

function Header({ microphone }: { microphone: Microphone }) {
  const here = useHere();
  const { say, language, speak } = useWords();
  const { desk, state } = here;
  const [theme, setTheme] = useState<Theme>(themeNow);
  const current = desk.activities.find((a) => a.sid === desk.me.activity_sid);
  const link = state.link.is === 'live' ? 'link.live' : 'link.connecting';
  return (
    <header className="top" tabIndex={-1} data-region>
      <span className="brand"><img src="/desk/icon.svg" alt="" width="24" height="24" /> Tandem</span>
      {desk.me.worker_sid && (
        <span className={`activity ${current?.available ? 'green' : 'grey'}`}>
          <span className="dot-sign" aria-hidden="true" />
          <select
            data-activity aria-label={say('header.activity')} value={desk.me.activity_sid ?? ''}
            onChange={(event) => void here.beActivity(event.target.value)}
          >
            {desk.activities.map((a) => <option key={a.sid} value={a.sid}>{a.name}</option>)}
          </select>
          {desk.me.activity_since && <Clock since={desk.me.activity_since} />}
        </span>
      )}
      <button type="button" className="search" onClick={() => void palette.run(here, undefined)}>
        <Icon name="search" /> <span>{say('header.search')}</span> <kbd>{written(palette.keys ?? '')}</kbd>
      </button>
      <span className={`link ${state.link.is}`}><span className="dot-sign" aria-hidden="true" />{say(link)}</span>
      <PhoneMenu microphone={microphone} />
      <Menu name={<><Icon name="user" /> <span>{desk.me.name}</span></>}>
        <label className="field">
            <span>{say('header.theme')}</span>
            <select value={theme} onChange={(event) => { const to = event.target.value as Theme; chooseTheme(to); setTheme(to); }}>
              {(['system', 'light', 'dark'] as const).map((one) => <option key={one} value={one}>{say(`header.theme.${one}`)}</option>)}
            </select>
          </label>
        <label className="field">
            <span>{say('header.language')}</span>
            <select value={language} onChange={(event) => speak(event.target.value as Language)}>
              {Object.entries(LANGUAGES).map(([key, { name }]) => <option key={key} value={key}>{name}</option>)}
            </select>
          </label>
          <Press onClick={() => void shortcuts.run(here, undefined)}>{say('header.shortcuts')}</Press>
          <Press onClick={here.signOut}>{say('header.signout')}</Press>
      </Menu>
    </header>
  );
}

function LinkBanner() {
  const { state, retry } = useHere();
  const { say } = useWords();
  useNow();
  if (state.link.is !== 'lost') return null;
  const seconds = Math.max(0, Math.ceil((state.link.retryAt - Date.now()) / 1000));
  return (
    <div className="banner" role="status">
      <span>{say('link.lost')} <span aria-live="off">{say('link.retry', { seconds })}</span></span>
      <Press onClick={retry}>{say('link.now')}</Press>
    </div>
  );
}

function Notices() {
  const here = useHere();
  const { say } = useWords();
  const { desk } = here;
  const activity = desk.activities.find((a) => a.sid === desk.me.activity_sid)?.name ?? '';
  const free = available(desk);
  return (
    <>
      {desk.notices.map((notice) => (
        <div key={notice.id} className="notice">
          <Icon name="missed" />
          <span className="grow">
            {notice.kind === 'gave-up'
              ? say('notice.gaveup', { name: notice.who })
              : say(isAvailable(desk) ? 'notice.missed' : 'notice.missed.offline', { name: notice.who, activity })}
          </span>
          {notice.kind === 'missed' && !isAvailable(desk) && free && (
            <Press tone="primary" onClick={async () => { if (await here.beActivity(free.sid)) here.dismiss(notice.id); }}>{say('notice.available')}</Press>
          )}
          <Press icon="phone" onClick={() => here.open({ is: 'dial', to: notice.number })}>{say('action.callback')}</Press>
          <Press onClick={() => here.dismiss(notice.id)}>{say('action.dismiss')}</Press>
        </div>
      ))}
    </>
  );
}

/** Shortcuts work everywhere, even while typing. */
function useKeys() {
  const here = useHere();
  const now = useRef(here);
  now.current = here;
  useEffect(() => {
    let asked = 0;
    const listen = (event: KeyboardEvent) => {
      const it = now.current;
      if (event.key === 'F6') {
        event.preventDefault();
        return nextRegion(event.shiftKey);
      }
      const action = ACTIONS.find((one) => one.keys && pressed(event, one.keys));
      if (!action) return;
      event.preventDefault();
      const target = action.target(it.desk);
      if (!target) return;
      if (action.id === end.id && event.timeStamp - asked > TWICE_MS) {
        asked = event.timeStamp;
        return;
      }
      void action.run(it, target === 'desk' ? undefined : target);
    };
    window.addEventListener('keydown', listen);
    return () => window.removeEventListener('keydown', listen);
  }, []);
}

function nextRegion(back: boolean) {
  const regions = [...document.querySelectorAll<HTMLElement>('[data-region]:not([hidden])')];
  const at = regions.findIndex((region) => region.contains(document.activeElement));
  const step = back ? regions.length - 1 : 1;
  regions[(Math.max(at, back ? 0 : -1) + step) % regions.length]?.focus();
}

/** What a ring sounds like, the page's title, and the system's message when the page is hidden. */
function useRinging() {
  const { desk } = useHere();
  const { say } = useWords();
  const rings = callsIn(desk, 'ringing').filter((c) => !c.outbound);
  const first = rings[0];
  const busy = activeCall(desk) !== undefined;
  const name = first ? nameOf(first) : null;
  const sid = first?.reservation_sid;
  useEffect(() => {
    document.title = name ? `☎ ${name} · Tandem` : 'Tandem';
    if (!sid) return;
    const sound = busy ? knock : ring;
    sound();
    const again = setInterval(sound, RING_MS);
    return () => clearInterval(again);
  }, [sid, busy, name]);
  useEffect(() => {
    if (!sid || !name || !document.hidden || !('Notification' in window) || Notification.permission !== 'granted') return;
    const note = new Notification('Tandem', { body: say('say.ringing', { name, origin: '' }), tag: sid });
    note.onclick = () => window.focus();
    return () => note.close();
  }, [sid, name, say]);
}

/** Somebody speaks into a muted microphone. */
function MutedVoice({ microphone }: { microphone: Microphone }) {
  const { desk } = useHere();
  const { say } = useWords();
  const muted = callsIn(desk, 'live')[0]?.muted ?? false;
  const speaks = useMutedVoice(microphone.is === 'open' ? microphone.track : null, muted);
  return speaks ? <p className="spoken" role="alert">{say('phone.muted.voice')}</p> : null;
}

/** Says what happened to those who do not see it: once, and never a clock. */
function Announcer() {
  const { desk, state } = useHere();
  const { say } = useWords();
  const [polite, setPolite] = useState('');
  const [urgent, setUrgent] = useState('');
  const before = useRef(new Map<string, string>());
  const link = useRef(state.link.is);
  useEffect(() => {
    const seen = new Map<string, string>();
    for (const call of desk.calls) {
      seen.set(call.reservation_sid, call.state);
      if (before.current.get(call.reservation_sid) === call.state) continue;
      const name = nameOf(call);
      if (call.state === 'ringing' && !call.outbound) {
        const origin = call.direct ? say('badge.direct') : (call.queue_name ?? '');
        const { key, values } = answer.label(desk, call);
        setUrgent(`${say('say.ringing', { name, origin })} ${say(key, values)}: ${written(answer.keys ?? '')}.`);
      } else if (call.state === 'live') setPolite(say('say.connected', { name }));
      else if (call.state === 'parked') setPolite(say('say.parked', { name }));
      else if (call.state === 'hung-up') {
        setPolite(say('say.hungup', { name }));
        tick();
      }
    }
    before.current = seen;
  }, [desk, say]);
  useEffect(() => {
    if (state.link.is === 'lost' && link.current === 'live') setPolite(say('say.lost'));
    if (state.link.is === 'live' && link.current === 'lost') setPolite(say('say.back'));
    link.current = state.link.is;
  }, [state.link.is, say]);
  return (
    <div className="hidden">
      <div aria-live="polite">{polite}</div>
      <div aria-live="assertive">{urgent}</div>
    </div>
  );
}

