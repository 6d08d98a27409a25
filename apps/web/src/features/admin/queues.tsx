import { useState, type FormEvent } from 'react';
import { postForm, remove } from '../../api/client';
import { useLoaded } from '../../ui/loaded';
import { Press } from '../../ui/parts';
import { Greeting } from './greeting';
import { Level } from './level';
import { Choice, ExpressionField, Remove, Split, Text, Went, all, useAdmin, useAgain, useDeed, usePaths } from './kit';

type Queue = { sid: string; friendly_name: string; target_workers: string; max_reserved_workers: number; task_order: string };
type Activity = { sid: string; friendly_name: string; available: boolean };

/** Queues: who may take their tasks, and in which order these go. */
export default function Queues() {
  const say = useAdmin();
  const { routing } = usePaths();
  const [again, reload] = useAgain();
  const [chosen, choose] = useState<string | null>(null);
  const loaded = useLoaded(() => all<Queue>(`${routing}/TaskQueues`, 'task_queues'), [routing, again]);
  if (loaded === 'failed') return <p className="trouble" role="alert">{say('load.failed')}</p>;
  if (!loaded) return <p className="loading" role="status">{say('loading')}</p>;
  const queue = loaded.find((one) => one.sid === chosen);
  const items = loaded.map((one) => ({ sid: one.sid, name: one.friendly_name, note: one.target_workers }));
  const done = (sid: string | null) => { choose(sid); reload(); };
  return (
    <Split label={say('queues.title')} items={items} chosen={chosen} choose={choose} add={say('queues.add')}>
      {chosen === 'new' && <OneQueue key="new" done={done} />}
      {queue && <OneQueue key={queue.sid} queue={queue} done={done} />}
      {queue && <Level key={`level of ${queue.sid}`} queue={queue.sid} />}
      {queue && <Greeting key={`greeting of ${queue.sid}`} of={`TaskQueues/${queue.sid}`} />}
      {!queue && chosen !== 'new' && <p className="empty">{say('choose')}</p>}
    </Split>
  );
}

function OneQueue({ queue, done }: { queue?: Queue; done: (sid: string | null) => void }) {
  const say = useAdmin();
  const { routing } = usePaths();
  const deed = useDeed();
  const [name, setName] = useState(queue?.friendly_name ?? '');
  const [target, setTarget] = useState(queue?.target_workers ?? '1==1');
  const [order, setOrder] = useState(queue?.task_order ?? 'FIFO');
  const [reserved, setReserved] = useState(String(queue?.max_reserved_workers ?? 1));
  const save = async (event: FormEvent) => {
    event.preventDefault();
    let sid: string | null = null;
    const path = queue ? `${routing}/TaskQueues/${queue.sid}` : `${routing}/TaskQueues`;
    const fields = { FriendlyName: name, TargetWorkers: target, TaskOrder: order, MaxReservedWorkers: reserved };
    const fine = await deed.run(async () => { ({ sid } = await postForm<{ sid: string }>(path, fields)); }, say('saved', { name }));
    if (fine) done(sid);
  };
  const drop = () => void deed.run(() => remove(`${routing}/TaskQueues/${queue?.sid}`), say('removed', { name })).then((gone) => gone && done(null));
  return (
    <form className="form" onSubmit={(event) => void save(event)}>
      <h3>{queue?.friendly_name ?? say('queues.new')}</h3>
      <Text label={say('name')} value={name} change={setName} required />
      <ExpressionField label={say('queues.target')} value={target} change={setTarget} context="worker" />
      <div className="pair">
        <Choice label={say('queues.order')} value={order} change={setOrder} options={[{ value: 'FIFO', label: say('queues.fifo') }, { value: 'LIFO', label: say('queues.lifo') }]} />
        <Text label={say('queues.reserved')} type="number" value={reserved} change={setReserved} />
      </div>
      <Went deed={deed} />
      <div className="buttons">
        <button type="submit" className="press primary" aria-disabled={deed.busy}><span>{say(queue ? 'save' : 'create')}</span></button>
        {queue && <Remove what={name} act={drop} />}
      </div>
    </form>
  );
}

/** What workers may say they do. */
export function Activities() {
  const say = useAdmin();
  const { routing } = usePaths();
  const deed = useDeed();
  const [again, reload] = useAgain();
  const [name, setName] = useState('');
  const [available, setAvailable] = useState(false);
  const path = `${routing}/Activities`;
  const loaded = useLoaded(() => all<Activity>(path, 'activities'), [path, again]);
  if (loaded === 'failed') return <p className="trouble" role="alert">{say('load.failed')}</p>;
  if (!loaded) return <p className="loading" role="status">{say('loading')}</p>;
  const add = (event: FormEvent) => {
    event.preventDefault();
    void deed.run(() => postForm(path, { FriendlyName: name, Available: String(available) }), say('saved', { name })).then((fine) => {
      if (fine) setName('');
      reload();
    });
  };
  const rename = (of: Activity, to: string) => void deed.run(() => postForm(`${path}/${of.sid}`, { FriendlyName: to }), say('saved', { name: to })).then(reload);
  const drop = (of: Activity) => void deed.run(() => remove(`${path}/${of.sid}`), say('removed', { name: of.friendly_name })).then(reload);
  return (
    <div className="form">
      <table>
        <thead><tr><th scope="col">{say('name')}</th><th scope="col">{say('activities.takes')}</th><th scope="col">{say('actions')}</th></tr></thead>
        <tbody>
          {loaded.map((one) => (
            <tr key={one.sid}>
              <td>
                <input
                  aria-label={say('activities.name', { name: one.friendly_name })} defaultValue={one.friendly_name}
                  onBlur={(event) => event.target.value !== one.friendly_name && rename(one, event.target.value)}
                />
              </td>
              <td><span className={`dot ${one.available ? 'green' : 'grey'}`}>{say(one.available ? 'activities.yes' : 'activities.no')}</span></td>
              <td><Remove what={one.friendly_name} act={() => drop(one)} /></td>
            </tr>
          ))}
        </tbody>
      </table>
      <form className="line" onSubmit={add}>
        <Text label={say('activities.new')} value={name} change={setName} required />
        <label className="pick"><input type="checkbox" checked={available} onChange={(event) => setAvailable(event.target.checked)} /> <span>{say('activities.takes')}</span></label>
        <Press type="submit" tone="primary">{say('create')}</Press>
      </form>
      <Went deed={deed} />
    </div>
  );
}
