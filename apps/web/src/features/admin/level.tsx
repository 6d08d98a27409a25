import { useState, type FormEvent } from 'react';
import { get, put } from '../../api/client';
import { useLoaded } from '../../ui/loaded';
import type { Targets } from '../levels';
import { Text, Went, useAdmin, useDeed, usePaths } from './kit';

/** How fast a queue's callers are to be answered: its own target, or the one of all queues. */
export function Level({ queue }: { queue: string }) {
  const say = useAdmin();
  const { own } = usePaths();
  const path = `${own}/ServiceLevel`;
  const loaded = useLoaded(() => get<Targets>(path), [path, queue]);
  if (loaded === 'failed') return <p className="trouble" role="alert">{say('load.failed')}</p>;
  if (!loaded) return <p className="loading" role="status">{say('loading')}</p>;
  return <Chosen path={path} queue={queue} targets={loaded} />;
}

function Chosen({ path, queue, targets }: { path: string; queue: string; targets: Targets }) {
  const say = useAdmin();
  const deed = useDeed();
  const mine = targets.queues[queue];
  const [seconds, setSeconds] = useState(String(mine?.seconds ?? ''));
  const [percent, setPercent] = useState(String(mine?.percent ?? ''));
  const save = (event: FormEvent) => {
    event.preventDefault();
    void deed.run(async () => {
      // What somebody else has set meanwhile stays.
      const { queues, ...all } = await get<Targets>(path);
      const { [queue]: _, ...others } = queues;
      const own = seconds === '' && percent === '' ? {} : { [queue]: { seconds: Number(seconds || all.seconds), percent: Number(percent || all.percent) } };
      await put(path, { ...all, queues: { ...others, ...own } });
    }, say('level.saved'));
  };
  return (
    <form className="form box" onSubmit={save}>
      <h4>{say('level.title')}</h4>
      <div className="pair">
        <Text label={say('level.percent')} type="number" value={percent} change={setPercent} hint={say('level.usual', { usual: `${targets.percent} %` })} />
        <Text label={say('level.seconds')} type="number" value={seconds} change={setSeconds} hint={say('level.usual', { usual: `${targets.seconds} s` })} />
      </div>
      <Went deed={deed} />
      <div className="buttons"><button type="submit" className="press" aria-disabled={deed.busy}><span>{say('level.save')}</span></button></div>
    </form>
  );
}
