import { Press } from '../../ui/parts';
import { filtersOf, moved, nameOf, replaced, withDefault, withFilters, withMember, without, type Document, type Filter, type Target } from './document';
import { Choice, ExpressionField, Text, useAdmin } from './kit';

export type QueueName = { sid: string; friendly_name: string };

/** A document as filters with their steps. */
export function DocumentForm({ document, change, queues }: { document: Document; change: (document: Document) => void; queues: QueueName[] }) {
  const say = useAdmin();
  const filters = filtersOf(document);
  const set = (next: Filter[]) => change(withFilters(document, next));
  const options = queues.map((one) => ({ value: one.sid, label: one.friendly_name }));
  const add = () => set([...filters, { filter_friendly_name: say('filter.new'), expression: '1==1', targets: [{ queue: queues[0]?.sid ?? '' }] }]);
  return (
    <div className="filters">
      <ol>
        {filters.map((filter, at) => (
          <li key={at} className="box">
            <FilterForm
              at={at} last={at === filters.length - 1} filter={filter} queues={queues} change={(next) => set(replaced(filters, at, next))}
              move={(by) => set(moved(filters, at, by))} drop={() => set(without(filters, at))}
            />
          </li>
        ))}
      </ol>
      <Press onClick={add}>{say('filter.add')}</Press>
      <Choice
        label={say('filter.default')} value={document.task_routing.default_filter?.queue ?? ''} change={(queue) => change(withDefault(document, queue))}
        options={[{ value: '', label: say('filter.default.none') }, ...options]}
      />
    </div>
  );
}

function FilterForm({ at, last, filter, queues, change, move, drop }: {
  at: number; last: boolean; filter: Filter; queues: QueueName[]; change: (filter: Filter) => void; move: (by: number) => void; drop: () => void;
}) {
  const say = useAdmin();
  const number = at + 1;
  const targets = filter.targets ?? [];
  const set = (next: Target[]) => change({ ...filter, targets: next });
  const nameKey = filter.friendly_name !== undefined && filter.filter_friendly_name === undefined ? 'friendly_name' : 'filter_friendly_name';
  return (
    <fieldset>
      <legend>{say('filter.number', { number })} {nameOf(filter)}</legend>
      <Text label={say('filter.name', { number })} value={nameOf(filter)} change={(name) => change(withMember(filter, nameKey, name))} />
      <ExpressionField label={say('filter.if', { number })} value={filter.expression ?? ''} change={(expression) => change({ ...filter, expression })} context="task" />
      {targets.map((target, step) => (
        <StepForm
          key={step} name={say('step.number', { filter: number, step: step + 1 })} target={target} queues={queues} inherits={step > 0}
          change={(next) => set(replaced(targets, step, next))}
          {...(targets.length > 1 ? { drop: () => set(without(targets, step)) } : {})}
        />
      ))}
      <div className="buttons">
        <Press onClick={() => set([...targets, { queue: targets.at(-1)?.queue ?? queues[0]?.sid ?? '' }])}>{say('step.add', { number })}</Press>
        <Press disabled={at === 0} onClick={() => move(-1)}>{say('filter.up', { number })}</Press>
        <Press disabled={last} onClick={() => move(1)}>{say('filter.down', { number })}</Press>
        <Press onClick={drop}>{say('filter.remove', { number })}</Press>
      </div>
    </fieldset>
  );
}

function StepForm({ name, target, queues, inherits, change, drop }: {
  name: string; target: Target; queues: QueueName[]; inherits: boolean; change: (target: Target) => void; drop?: () => void;
}) {
  const say = useAdmin();
  const known = queues.some((one) => one.sid === target.queue);
  const options = [
    ...(inherits ? [{ value: '', label: say('step.queue.same') }] : []),
    ...(target.queue && !known ? [{ value: target.queue, label: target.queue }] : []),
    ...queues.map((one) => ({ value: one.sid, label: one.friendly_name })),
  ];
  return (
    <fieldset className="step">
      <legend>{name}</legend>
      <div className="pair three">
        <Choice label={say('step.queue')} value={target.queue ?? ''} change={(queue) => change(withMember(target, 'queue', queue))} options={options} />
        <Text label={say('step.timeout')} type="number" value={String(target.timeout ?? '')} change={(text) => change(withMember(target, 'timeout', text, true))} />
        <Text label={say('step.priority')} type="number" value={String(target.priority ?? '')} change={(text) => change(withMember(target, 'priority', text, true))} />
      </div>
      <details open={Boolean(target.expression || target.order_by || target.skip_if)}>
        <summary>{say('step.more')}</summary>
        <ExpressionField label={say('step.only')} value={target.expression ?? ''} change={(text) => change(withMember(target, 'expression', text))} context="target" empty />
        <ExpressionField label={say('step.order')} value={target.order_by ?? ''} change={(text) => change(withMember(target, 'order_by', text))} context="order" empty />
        <ExpressionField label={say('step.skip')} value={target.skip_if ?? ''} change={(text) => change(withMember(target, 'skip_if', text))} context="skip" empty />
      </details>
      {drop && <Press onClick={drop}>{say('step.remove')}</Press>}
    </fieldset>
  );
}
