import { lazy, Suspense, useEffect, useMemo, useState, useSyncExternalStore } from 'react';
import { signOut, voiceToken, whoAmI } from '../api/client';
import type { SessionView } from '../api/desk.gen';
import { DeskStream } from '../core/stream';
import { Station } from '../phone/station';
import { play } from '../phone/speaker';
import { useWords } from '../i18n';
import { DeskProvider } from './context';
import { Login, StartShift } from './doors';
import { Shell } from './shell';

const SHIFT = 'tandem.shift';
/** The address of the wallboard: a screen on the wall opens it by itself. */
const WALL = '/desk/wallboard';
const Wallboard = lazy(() => import('../features/charts/wallboard'));

export function App() {
  const { say } = useWords();
  const [session, setSession] = useState<SessionView | null | undefined>(undefined);
  const [over, setOver] = useState(false);
  useEffect(() => {
    whoAmI().then(setSession, () => setSession(null));
  }, []);
  if (session === undefined) return <p className="loading" role="status">{say('app.loading')}</p>;
  if (session === null) return <Login over={over} entered={(entered) => { setOver(false); setSession(entered); }} />;
  const leave = async () => {
    const elsewhere = await signOut().catch(() => null);
    sessionStorage.removeItem(SHIFT);
    if (elsewhere) location.assign(elsewhere);
    else setSession(null);
  };
  return <Signed key={session.user_sid} session={session} ended={() => { setOver(true); setSession(null); }} leave={() => void leave()} />;
}

function Signed({ session, ended, leave }: { session: SessionView; ended: () => void; leave: () => void }) {
  const { say } = useWords();
  const stream = useMemo(() => new DeskStream(), []);
  const station = useMemo(
    () => new Station(`${location.origin.replace(/^http/, 'ws')}/signal`, {
      token: voiceToken,
      socket: (url) => new WebSocket(url),
      peer: (configuration) => new RTCPeerConnection(configuration),
      play,
    }),
    [],
  );
  const link = useSyncExternalStore(stream.subscribe, () => stream.state.link.is);
  const [wall, setWall] = useState(() => location.pathname === WALL);
  const [shift, setShift] = useState(() => sessionStorage.getItem(SHIFT) === session.user_sid || session.worker_sid === null);
  useEffect(() => {
    stream.start();
    return () => {
      stream.stop();
      station.stop();
    };
  }, [stream, station]);
  useEffect(() => {
    if (link === 'signed-out') ended();
  });
  const started = (works: boolean) => {
    // Who only looks around is asked again.
    if (works) sessionStorage.setItem(SHIFT, session.user_sid);
    setShift(true);
  };
  const out = () => {
    station.leave();
    leave();
  };
  return (
    <DeskProvider
      session={session} stream={stream} station={station} signOut={out}
      waiting={<p className="loading" role="status">{say(link === 'lost' ? 'error.offline' : 'app.loading')}</p>}
    >
      {wall ? <Suspense fallback={null}><Wallboard leave={() => { history.replaceState(null, '', '/desk'); setWall(false); }} /></Suspense>
        : shift ? <Shell works={sessionStorage.getItem(SHIFT) === session.user_sid} /> : <StartShift started={started} />}
    </DeskProvider>
  );
}
