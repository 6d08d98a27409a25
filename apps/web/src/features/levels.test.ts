import { expect, test } from 'vitest';
import { reached, targetOf } from './levels';

const side = (tasks_canceled: number, reservations_accepted: number) => ({ tasks_canceled, reservations_accepted });
const counted = (above: ReturnType<typeof side>, below: ReturnType<typeof side>) => ({ task_queue_sid: 'WQ1', cumulative: { split_by_wait_time: { 20: { above, below } } } });

test('a service level is who was answered in time, of all who were answered or waited longer and gave up', () => {
  const target = { seconds: 20, percent: 80 };
  expect(reached(counted(side(1, 1), side(5, 8)), target)).toBe(80);
  expect(reached(counted(side(0, 0), side(3, 0)), target)).toBeNull();
  expect(reached(counted(side(2, 0), side(0, 0)), target)).toBe(0);
  expect(reached(counted(side(0, 0), side(0, 1)), { ...target, seconds: 30 })).toBeNull();
  expect(reached({ task_queue_sid: 'WQ1', cumulative: { split_by_wait_time: null } }, target)).toBeNull();
});

test('a queue may have a target of its own', () => {
  const targets = { seconds: 20, percent: 80, queues: { WQ1: { seconds: 5, percent: 95 } } };
  expect(targetOf(targets, 'WQ1')).toEqual({ seconds: 5, percent: 95 });
  expect(targetOf(targets, 'WQ2').percent).toBe(80);
});
