import { useEffect, useState } from 'react';
import type { DeskQueue } from '../../api/desk.gen';
import { useHere } from '../../app/context';
import { duration, useNow } from '../../core/time';
import './charts.css';
import { useChartWords } from './texts';

/** From when on a wait is too long, in milliseconds. */
const LATE_MS = 60_000;

/** The floor at a glance, for a screen on the wall: large, live, nothing to press but the way out. */
export default function Wallboard({ leave }: { leave: () => void }) {
  const { desk, state } = useHere();
  const say = useChartWords();
  const now = useNow();
  const [seen, see] = useState(now);
  const live = state.link.is === 'live';
  useEffect(() => {
    if (live) see(now);
  }, [live, now]);
  const waits = (one: DeskQueue) => (one.longest_since && one.waiting > 0 ? now - Date.parse(one.longest_since) : 0);
  const queues = [...desk.queues].sort((a, b) => waits(b) - waits(a) || b.waiting - a.waiting || a.name.localeCompare(b.name));
  const sum = (of: (one: DeskQueue) => number) => desk.queues.reduce((all, one) => all + of(one), 0);
  const longest = Math.max(0, ...queues.map(waits));
  // Somebody in two queues is one agent.
  const free = desk.people.filter((one) => one.available && one.live + one.ringing + one.wrapping === 0).length;
  const working = desk.people.filter((one) => one.available).length;
  const talking = desk.people.reduce((all, one) => all + one.live, 0);
  const parked = desk.people.reduce((all, one) => all + one.parked, 0);
  const late = longest >= LATE_MS;
  return (
    <main className={`wallboard ${live ? '' : 'stale'}`}>
      <header>
        <h1>{say('wall.title')}</h1>
        <span role="status">{live ? say('wall.live') : say('wall.stale', { age: duration(now - seen) })}</span>
        {document.fullscreenEnabled && <button type="button" className="press" onClick={() => void document.documentElement.requestFullscreen()}><span>{say('wall.full')}</span></button>}
        <button type="button" className="press" onClick={leave}><span>{say('wall.back')}</span></button>
      </header>
      <dl className="tiles">
        <Tile name={say('wall.waiting')} figure={String(sum((one) => one.waiting))} />
        <Tile name={say('wall.longest')} figure={longest > 0 ? duration(longest) : '–'} {...(late ? { warning: say('wall.late') } : {})} />
        <Tile name={say('wall.free')} figure={String(free)} note={say('wall.of', { count: working })} {...(free === 0 && longest > 0 ? { warning: say('wall.nobody') } : {})} />
        <Tile name={say('wall.talking')} figure={String(talking)} />
        <Tile name={say('wall.parked')} figure={String(parked)} />
      </dl>
      <table>
        <thead>
          <tr>
            <th scope="col">{say('queue')}</th><th scope="col" className="figure">{say('wall.waiting')}</th><th scope="col" className="figure">{say('wall.longest')}</th>
            <th scope="col" className="figure">{say('wall.free')}</th><th scope="col">{say('wall.state')}</th>
          </tr>
        </thead>
        <tbody>
          {queues.map((one) => {
            const wait = waits(one);
            const word = wait >= LATE_MS ? say('wall.late') : one.waiting > 0 && one.available === 0 ? say('wall.nobody') : say('wall.fine');
            const bad = word !== say('wall.fine');
            return (
              <tr key={one.sid} className={bad ? 'bad' : ''}>
                <th scope="row">{one.name}</th>
                <td className="figure">{one.waiting}</td>
                <td className="figure">{wait > 0 ? duration(wait) : '–'}</td>
                <td className="figure">{one.available} / {one.eligible}</td>
                <td>{bad ? `⚠ ${word}` : word}</td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </main>
  );
}

function Tile({ name, figure, note, warning }: { name: string; figure: string; note?: string; warning?: string }) {
  return (
    <div className={warning ? 'tile bad' : 'tile'}>
      <dt>{name}</dt>
      <dd>
        <strong>{figure}</strong> {note && <span>{note}</span>} {warning && <em>⚠ {warning}</em>}
      </dd>
    </div>
  );
}
