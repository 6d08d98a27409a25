import { useEffect, useState } from 'react';
import { get } from '../../api/client';
import type { DeskPerson, DeskQueue } from '../../api/desk.gen';
import { useHere } from '../../app/context';
import { history, SAMPLE_MS } from '../../core/history';
import { serverNow } from '../../core/stream';
import { useWords } from '../../i18n';
import { useLoaded } from '../../ui/loaded';
import './charts.css';
import { Bars, ChartFrame, Lines, Rows } from './frame';
import { useChartWords } from './texts';

/** Queues that have a line of their own: those with the most waiting. */
const LINES_MAX = 6;
/** Quarters of an hour that are shown. */
const QUARTERS = 8;
const QUARTER_MS = 15 * 60_000;
/** How often the figures of the current quarter are asked for. */
const AGAIN_MS = 60_000;

/** Charts about queues: now, over the last minutes, and by quarter of an hour. */
export default function QueueCharts() {
  const { desk } = useHere();
  return (
    <div className="charts">
      <Now queues={desk.queues} />
      <OverTime queues={desk.queues} />
      <Volume />
    </div>
  );
}

function Now({ queues }: { queues: DeskQueue[] }) {
  const say = useChartWords();
  const rows = [...queues].sort((a, b) => b.waiting - a.waiting || a.name.localeCompare(b.name)).map((one) => ({ name: one.name, value: one.waiting }));
  const total = rows.reduce((sum, row) => sum + row.value, 0);
  const first = rows[0];
  const summary = total > 0 && first
    ? say('now.summary', { total, queues: rows.filter((row) => row.value > 0).length, most: first.name, count: first.value })
    : say('now.none');
  return (
    <ChartFrame title={say('now.title')} summary={summary} table={{ head: [say('queue'), say('waiting')], rows: rows.map((row) => [row.name, row.value]) }}>
      <Rows rows={rows} label={summary} />
    </ChartFrame>
  );
}

function OverTime({ queues }: { queues: DeskQueue[] }) {
  const say = useChartWords();
  const { language } = useWords();
  const [, look] = useState(0);
  useEffect(() => {
    const timer = setInterval(() => look((count) => count + 1), SAMPLE_MS);
    return () => clearInterval(timer);
  }, []);
  const samples = history();
  const peak = (sid: string) => Math.max(0, ...samples.map((sample) => sample.waiting[sid] ?? 0));
  const shown = queues.map((one) => ({ one, peak: peak(one.sid) })).sort((a, b) => b.peak - a.peak).slice(0, LINES_MAX);
  const lines = shown.map(({ one }) => ({ name: one.name, points: samples.map((sample) => sample.waiting[one.sid] ?? 0) }));
  const minutes = Math.max(1, Math.round((serverNow() - (samples[0]?.at ?? serverNow())) / 60_000));
  const summary = say('line.summary', { minutes, most: Math.max(0, ...shown.map((one) => one.peak)) });
  const time = new Intl.DateTimeFormat(language, { timeStyle: 'medium' });
  // Once a minute is enough to read.
  const rows = samples.filter((_, at) => (samples.length - 1 - at) % (60_000 / SAMPLE_MS) === 0).reverse()
    .map((sample) => [time.format(sample.at), ...shown.map(({ one }) => sample.waiting[one.sid] ?? 0)]);
  return (
    <ChartFrame title={say('line.title')} summary={summary} table={{ head: [say('time'), ...shown.map(({ one }) => one.name)], rows }}>
      <Lines lines={lines} label={summary} from={say('line.ago', { minutes })} to={say('line.now')} />
    </ChartFrame>
  );
}

type Figures = { tasks_created: number; tasks_canceled: number };

function Volume() {
  const say = useChartWords();
  const { language } = useWords();
  const { desk } = useHere();
  const [again, look] = useState(0);
  useEffect(() => {
    const timer = setInterval(() => look((count) => count + 1), AGAIN_MS);
    return () => clearInterval(timer);
  }, []);
  const path = `/taskrouter/v1/Workspaces/${desk.me.workspace_sid}/CumulativeStatistics`;
  const loaded = useLoaded(async () => {
    const last = Math.floor(serverNow() / QUARTER_MS) * QUARTER_MS;
    const starts = Array.from({ length: QUARTERS }, (_, at) => last - (QUARTERS - 1 - at) * QUARTER_MS);
    return Promise.all(starts.map(async (start) => {
      const [from, to] = [new Date(start), new Date(start + QUARTER_MS)].map((one) => one.toISOString().replace(/\.\d+Z/, 'Z'));
      return { start, figures: await get<Figures>(`${path}?StartDate=${from}&EndDate=${to}`) };
    }));
  }, [path, again]);
  if (loaded === 'failed') return <p className="trouble" role="alert">{say('volume.failed')}</p>;
  if (!loaded) return null;
  const time = new Intl.DateTimeFormat(language, { timeStyle: 'short' });
  const sum = (of: (figures: Figures) => number) => loaded.reduce((all, one) => all + of(one.figures), 0);
  const summary = say('volume.summary', { created: sum((of) => of.tasks_created), canceled: sum((of) => of.tasks_canceled) });
  const bars = loaded.map(({ start, figures }) => ({
    name: time.format(start),
    parts: [{ name: say('volume.came'), value: figures.tasks_created }, { name: say('volume.left'), value: figures.tasks_canceled }],
  }));
  const rows = bars.map((bar) => [bar.name, ...bar.parts.map((part) => part.value)]);
  return (
    <ChartFrame title={say('volume.title')} summary={summary} table={{ head: [say('time'), say('volume.came'), say('volume.left')], rows }}>
      <Bars bars={bars} label={summary} />
    </ChartFrame>
  );
}

/** How many agents do what. */
export function TeamChart({ people }: { people: readonly DeskPerson[] }) {
  const say = useChartWords();
  const counts = new Map<string, number>();
  for (const one of people) counts.set(one.activity, (counts.get(one.activity) ?? 0) + 1);
  const rows = [...counts].map(([name, value]) => ({ name, value })).sort((a, b) => b.value - a.value || a.name.localeCompare(b.name));
  const parts = rows.map((row) => say('team.part', { count: row.value, activity: row.name })).join(', ');
  const summary = say('team.summary', { total: people.length, parts });
  return (
    <div className="charts">
      <ChartFrame title={say('team.title')} summary={summary} table={{ head: [say('activity'), say('agents')], rows: rows.map((row) => [row.name, row.value]) }}>
        <Rows rows={rows} label={summary} />
      </ChartFrame>
    </div>
  );
}
