import { useState, type FormEvent } from 'react';
import { post } from '../../api/client';
import { useHere } from '../../app/context';
import { Icon } from '../../ui/icons';
import { Press } from '../../ui/parts';
import { Field, Text, Went, useAdmin, useDeed, usePaths, type SayAdmin } from './kit';

type Considered = { worker: string; friendly_name: string; ruled_out: ({ reason: string } & Record<string, unknown>) | null };
type Tried = {
  explanation: {
    summary: string;
    filters: { filter: number | null; friendly_name: string | null; expression: string; matched: boolean; because: string | null }[];
    would_route: string[];
  };
  offered: string[];
  steps: {
    from_s: number; timeout_s: number | null; queue_name: string; expression: string | null; order_by: string | null; priority: number | null;
    skipped: boolean; redirects: boolean; free: number; workers: Considered[];
  }[];
};

/** What the draft would do with a task, as things are now. */
export function Trial({ configuration }: { configuration: string }) {
  const say = useAdmin();
  const { desk } = useHere();
  const { own } = usePaths();
  const deed = useDeed();
  const [attributes, setAttributes] = useState('{\n  "type": "inbound"\n}');
  const [channel, setChannel] = useState('voice');
  const [tried, set] = useState<Tried | null>(null);
  const run = (event: FormEvent) => {
    event.preventDefault();
    set(null);
    void deed.run(async () => set(await post<Tried>(`${own}/Workflows/Try`, { configuration, attributes, channel })), say('trial.done'));
  };
  const person = (sid: string) => desk.people.find((one) => one.worker_sid === sid)?.name ?? sid;
  return (
    <section className="box trial" aria-label={say('trial.title')}>
      <h4>{say('trial.title')}</h4>
      <form onSubmit={run} className="pair">
        <Field label={say('trial.attributes')}>
          <textarea className="code" rows={5} spellCheck={false} value={attributes} onChange={(event) => setAttributes(event.target.value)} />
        </Field>
        <div className="form">
          <Text label={say('trial.channel')} value={channel} change={setChannel} />
          <Press type="submit" icon="play" aria-disabled={deed.busy}>{say('trial.run')}</Press>
        </div>
      </form>
      <Went deed={deed} />
      {tried && (
        <div className="outcome" role="region" aria-label={say('trial.outcome')}>
          <p><strong>{tried.offered.length > 0 ? say('trial.offered', { names: tried.offered.map(person).join(', ') }) : say('trial.offered.none')}</strong></p>
          <p className="hint">{tried.explanation.summary}</p>
          <ol className="tried">
            {tried.explanation.filters.map((one, at) => (
              <li key={at}>
                <Icon name={one.matched ? 'check' : 'gone'} size={14} />{' '}
                <strong>{one.filter === null ? say('trial.default') : `${one.filter + 1} ${one.friendly_name ?? ''}`}</strong>{' '}
                {one.filter !== null && <code>{one.expression}</code>} {say(one.matched ? 'trial.takes' : 'trial.not')} {one.because && <small>{one.because}</small>}
              </li>
            ))}
          </ol>
          <ol className="steps">
            {tried.steps.map((step, at) => (
              <li key={at}>
                <h5>
                  {step.timeout_s === null ? say('trial.from', { from: step.from_s }) : say('trial.between', { from: step.from_s, to: step.from_s + step.timeout_s })}{' '}
                  {step.queue_name}
                </h5>
                <p className="badges">
                  {step.skipped && <span className="badge orange">{say('trial.skipped')}</span>}
                  {step.redirects && <span className="badge violet">{say('trial.redirects')}</span>}
                  {step.priority !== null && <span className="badge grey">{say('trial.priority', { priority: step.priority })}</span>}
                  <span className={`badge ${step.free > 0 ? 'green' : 'grey'}`}>{say('trial.free', { count: step.free })}</span>
                </p>
                {step.expression && <p><code>{step.expression}</code></p>}
                {step.order_by && <p className="hint">{say('trial.order', { order: step.order_by })}</p>}
                <Workers workers={step.workers} say={say} person={person} />
              </li>
            ))}
          </ol>
        </div>
      )}
    </section>
  );
}

/** Workers that one step names at first. */
const SHOWN = 8;

function Workers({ workers, say, person }: { workers: Considered[]; say: SayAdmin; person: (sid: string) => string }) {
  return (
    <ul className="considered">
      {workers.slice(0, SHOWN).map((one) => (
        <li key={one.worker}>
          <span className={`dot ${one.ruled_out ? 'grey' : 'green'}`}>{person(one.worker)}</span>{' '}
          <small>{one.ruled_out ? why(one.ruled_out, say) : say('trial.could')}</small>
        </li>
      ))}
      {workers.length > SHOWN && <li><small>{say('trial.others', { count: workers.length - SHOWN })}</small></li>}
    </ul>
  );
}

const REASONS = [
  'not-the-known-worker', 'not-in-queue', 'target-expression', 'activity', 'channel-unavailable', 'no-capacity', 'voice-policy', 'cooling-down', 'has-it-already',
] as const;

function why(out: NonNullable<Considered['ruled_out']>, say: SayAdmin) {
  const known = REASONS.find((one) => one === out.reason);
  const detail = String(out['because'] ?? out['activity'] ?? '');
  return known ? say(`reason.${known}`, { detail }) : out.reason;
}
