import { createContext, useCallback, useContext, useEffect, useMemo, useRef, useState, useSyncExternalStore, type ReactNode } from 'react';
import { ApiFailure, post } from '../api/client';
import type { DeskCall, SessionView } from '../api/desk.gen';
import type { Desk } from '../core/desk';
import type { DeskStream, State } from '../core/stream';
import { phoneOf, type Phone } from '../phone/phone';
import type { Station } from '../phone/station';
import { keep, kept, type Supervision } from '../core/supervision';
import { useWords, type Key } from '../i18n';

export type Page = 'desk' | 'missed' | 'queues' | 'team' | 'timeline' | 'audit' | 'admin';
/** A call whose timeline is shown. */
export type StoryOf = { worker: string; reservation: string; name: string };
/** What lies over the page; one at a time. */
export type Layer =
  | { is: 'dial'; to?: string }
  | { is: 'transfer'; call: string; add?: boolean }
  | { is: 'keypad'; call: string }
  | { is: 'palette' }
  | { is: 'shortcuts' }
  | { is: 'why'; queue: string };

/** Something that went wrong, shown beside what it was about: a reservation, or `desk`. */
export type Trouble = { where: string; text: string };

/** Everything that screens and actions share. */
export type Here = {
  session: SessionView;
  state: State;
  desk: Desk;
  phone: Phone | null;
  station: Station;
  page: Page;
  go: (page: Page) => void;
  layer: Layer | null;
  open: (layer: Layer | null) => void;
  selected: string | null;
  select: (reservation: string | null) => void;
  /** Reservations (or `desk`) about which something was asked that is not answered yet. */
  pending: ReadonlySet<string>;
  trouble: Trouble | null;
  forget: () => void;
  /** Asks the server to do something with a call, once at a time. True if it did. */
  act: (call: DeskCall, what: Key, verb: string, body?: object) => Promise<boolean>;
  /** Takes a call that rings: on the phone in this page, else by asking the server. */
  answer: (call: DeskCall) => Promise<boolean>;
  /** Asks the server for something about the agent. */
  ask: (what: Key, path: string, body: object) => Promise<boolean>;
  /** Asks the server for something about others. */
  request: (what: Key, path: string, body: object) => Promise<boolean>;
  story: StoryOf | null;
  /** Shows a call's timeline. */
  tell: (of: StoryOf) => void;
  supervision: Supervision | null;
  supervise: (now: Supervision | null) => void;
  /** A call to which somebody is being added: all are together as soon as they answer. */
  adding: string | null;
  add: (reservation: string | null) => void;
  /** A call from this colleague was asked for: it is taken as soon as it rings. */
  expect: (worker: string) => void;
  beActivity: (sid: string) => Promise<boolean>;
  dismiss: (notice: string) => void;
  retry: () => void;
  signOut: () => void;
};

const Context = createContext<Here | null>(null);

export function useHere(): Here {
  const here = useContext(Context);
  if (!here) throw new Error('outside the desk');
  return here;
}

type Given = { session: SessionView; stream: DeskStream; station: Station; signOut: () => void; children: ReactNode; waiting: ReactNode };

export function DeskProvider({ session, stream, station, signOut, children, waiting }: Given) {
  const state = useSyncExternalStore(stream.subscribe, () => stream.state);
  const { say } = useWords();
  const [page, go] = useState<Page>(session.worker_sid ? 'desk' : 'queues');
  const [layer, open] = useState<Layer | null>(null);
  const [chosen, select] = useState<string | null>(null);
  const [story, setStory] = useState<StoryOf | null>(null);
  const [supervision, setSupervision] = useState<Supervision | null>(() => kept(session.user_sid));
  const [adding, add] = useState<string | null>(null);
  const [expected, expect] = useState<string | null>(null);
  const [pending, setPending] = useState<ReadonlySet<string>>(new Set());
  const [trouble, setTrouble] = useState<Trouble | null>(null);
  const busy = useRef(new Set<string>());
  const { desk } = state;
  const supervise = useCallback((now: Supervision | null) => {
    keep(session.user_sid, now);
    setSupervision(now);
  }, [session]);
  const base = `/Workspaces/${desk?.me.workspace_sid}/Workers/${desk?.me.worker_sid}`;

  const run = useCallback(
    async (where: string, what: Key, act: () => Promise<unknown>) => {
      // A second press while the first is under way does nothing.
      if (busy.current.has(where)) return false;
      busy.current.add(where);
      setPending(new Set(busy.current));
      setTrouble(null);
      try {
        await act();
        return true;
      } catch (error) {
        const offline = error instanceof ApiFailure && error.status === 0;
        const why = offline ? say('error.offline') : error instanceof Error ? error.message : String(error);
        setTrouble({ where, text: say('fail.any', { what: say(what), why }) });
        return false;
      } finally {
        busy.current.delete(where);
        setPending(new Set(busy.current));
      }
    },
    [say],
  );

  const here = useMemo<Here | null>(() => {
    if (!desk) return null;
    const mine = desk.calls.find((c) => c.reservation_sid === chosen);
    const phone = phoneOf(desk.me, station);
    // Where no policy rings for an agent, the phone rings because they asked for it.
    const yes = (call: DeskCall) => !desk.policy.on && phone?.kind === 'station' && station.want(call.reservation_sid);
    const path = (call: DeskCall, verb: string) => `${base}/Calls/${call.reservation_sid}/${verb}`;
    return {
      session, station, state, desk, page, go, layer, open, pending, trouble, signOut,
      phone,
      selected: (mine ?? desk.calls[0])?.reservation_sid ?? null,
      select,
      forget: () => setTrouble(null),
      act: (call, what, verb, body = {}) => {
        if (verb === 'PickUp') yes(call);
        return run(call.reservation_sid, what, () => post(path(call, verb), body));
      },
      answer: (call) =>
        run(call.reservation_sid, 'action.answer', async () => {
          const verb = call.state === 'picking-up' ? 'PickUp' : 'Answer';
          const taken = phone?.answer(call) ?? null;
          if (taken === null) {
            yes(call);
            return post(path(call, verb));
          }
          if (!(await taken)) throw new Error(say('fail.answer'));
        }),
      request: (what, path, body) => run('desk', what, () => post(path, body)),
      story, supervision, supervise, expect, adding, add,
      tell: (of) => {
        setStory(of);
        go('timeline');
      },
      ask: (what, below, body) => run('desk', what, () => post(`${base}${below}`, body)),
      beActivity: (sid) => run('desk', 'action.activity', () => post(`${base}/Activity`, { activity_sid: sid })),
      dismiss: (notice) => stream.dismiss(notice),
      retry: stream.now,
    };
  }, [session, state, desk, page, layer, pending, trouble, chosen, run, base, stream, station, signOut, say, story, supervision, supervise, adding]);

  const from = desk?.people.find((one) => one.worker_sid === expected)?.name;
  const asked = from && desk?.calls.find((call) => call.state === 'ringing' && call.transferred_by === from);
  useEffect(() => {
    if (!asked || !here) return;
    expect(null);
    void here.answer(asked);
  }, [asked, here]);
  return here ? <Context value={here}>{children}</Context> : waiting;
}
