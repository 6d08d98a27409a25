import { useState, type FormEvent } from 'react';
import { post } from '../../api/client';
import { duration } from '../../core/time';
import { Press } from '../../ui/parts';
import { Text, Went, useAdmin, useDeed, usePaths } from './kit';
import type { QueueName } from './workflow-form';

type Sums = { tasks: number; taken: number; waited_ms: number; waited_max_ms: number };
type Course = { first_queue: string | null; queue: string | null; waited_ms: number; ending: string };
type Report = {
  tasks: number; as_recorded: number; elsewhere: number; waited_longer: number; waited_less: number; not_played: number;
  changed: { task: string; created: string; before: Course; after: Course }[];
  queues: { queue: string | null; friendly_name: string; before: Sums; after: Sums }[];
};

/** Tasks that are listed. */
const LISTED = 50;

/** What the draft would have done with the tasks of the last hours. */
export function Replay({ workflow, configuration, queues }: { workflow: string; configuration: string; queues: QueueName[] }) {
  const say = useAdmin();
  const { own } = usePaths();
  const deed = useDeed();
  const [hours, setHours] = useState('24');
  const [report, set] = useState<Report | null>(null);
  const run = (event: FormEvent) => {
    event.preventDefault();
    set(null);
    const since = new Date(Date.now() - Number(hours) * 3_600_000).toISOString();
    void deed.run(async () => set(await post<Report>(`${own}/Workflows/${workflow}/Replay`, { configuration, since })), say('replay.done'));
  };
  const queue = (sid: string | null) => (sid ? (queues.find((one) => one.sid === sid)?.friendly_name ?? sid) : '–');
  const mean = (sums: Sums) => duration(sums.tasks > 0 ? sums.waited_ms / sums.tasks : 0);
  return (
    <section className="box" aria-label={say('replay.title')}>
      <h4>{say('replay.title')}</h4>
      <p className="hint">{say('replay.lead')}</p>
      <form className="line" onSubmit={run}>
        <Text label={say('replay.hours')} type="number" value={hours} change={setHours} required />
        <Press type="submit" aria-disabled={deed.busy}>{say('replay.run')}</Press>
      </form>
      <Went deed={deed} />
      {report && (
        <div className="outcome" role="region" aria-label={say('replay.outcome')}>
          <p><strong>{say('replay.summary', { tasks: report.tasks, elsewhere: report.elsewhere, longer: report.waited_longer, less: report.waited_less })}</strong></p>
          {report.queues.length > 0 && (
            <table>
              <thead>
                <tr>
                  <th scope="col">{say('replay.queue')}</th><th scope="col" className="figure">{say('replay.tasks')}</th>
                  <th scope="col" className="figure">{say('replay.taken')}</th><th scope="col" className="figure">{say('replay.waited')}</th>
                </tr>
              </thead>
              <tbody>
                {report.queues.map((one) => (
                  <tr key={one.queue ?? ''}>
                    <th scope="row">{one.friendly_name || '–'}</th>
                    <td className="figure">{one.before.tasks} → {one.after.tasks}</td>
                    <td className="figure">{one.before.taken} → {one.after.taken}</td>
                    <td className="figure">{mean(one.before)} → {mean(one.after)}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          )}
          {report.changed.length > 0 && (
            <ul className="changed">
              {report.changed.slice(0, LISTED).map((one) => (
                <li key={one.task}><code>{one.task}</code> {queue(one.before.first_queue)} → {queue(one.after.first_queue)}</li>
              ))}
            </ul>
          )}
        </div>
      )}
    </section>
  );
}
