import { useEffect, useState } from 'react';
import { get } from '../api/client';
import { useLoaded } from '../ui/loaded';

/** So many of 100 are to be answered within so many seconds. */
export type Target = { seconds: number; percent: number };
export type Targets = Target & { queues: Record<string, Target> };

type Side = { tasks_canceled: number; reservations_accepted: number };
type Counted = { task_queue_sid: string; cumulative: { split_by_wait_time: Record<string, { above: Side; below: Side }> | null } };

/** Over how many minutes it is measured, and how often again. */
export const LEVEL_MINUTES = 30;
const AGAIN_MS = 30_000;

export const targetOf = (targets: Targets, queue: string): Target => targets.queues[queue] ?? targets;

/** How many of 100 were answered in time; whoever gave up earlier does not count. Null: nobody. */
export function reached(counted: Counted, { seconds }: Target): number | null {
  const split = counted.cumulative.split_by_wait_time?.[String(seconds)];
  if (!split) return null;
  const all = split.below.reservations_accepted + split.above.reservations_accepted + split.above.tasks_canceled;
  return all > 0 ? (100 * split.below.reservations_accepted) / all : null;
}

export type Levels = { targets: Targets; reached: Record<string, number | null> };

/** The service level of every queue, looked at again and again; `failed` if it cannot be had, null until it is. */
export function useLevels(workspace: string, wanted: boolean): Levels | 'failed' | null {
  const [again, look] = useState(0);
  useEffect(() => {
    const timer = setInterval(() => look((count) => count + 1), AGAIN_MS);
    return () => clearInterval(timer);
  }, []);
  return useLoaded<Levels | null>(async () => {
    if (!wanted) return null;
    const targets = await get<Targets>(`/Workspaces/${workspace}/ServiceLevel`);
    const seconds = [...new Set([targets, ...Object.values(targets.queues)].map((one) => one.seconds))].join(',');
    const path = `/taskrouter/v1/Workspaces/${workspace}/TaskQueues/Statistics?Minutes=${LEVEL_MINUTES}&SplitByWaitTime=${seconds}&PageSize=1000`;
    const { task_queues_statistics: all } = await get<{ task_queues_statistics: Counted[] }>(path);
    return { targets, reached: Object.fromEntries(all.map((one) => [one.task_queue_sid, reached(one, targetOf(targets, one.task_queue_sid))])) };
  }, [workspace, wanted, again]);
}
