import { useState } from 'react';
import { get } from '../../api/client';
import { changes, compared } from '../../core/lines';
import { useWords } from '../../i18n';
import { useLoaded } from '../../ui/loaded';
import { Press } from '../../ui/parts';
import { Text, useAdmin, usePaths } from './kit';

const MARKS = { same: ' ', gone: '−', new: '+' } as const;

/** What is different in another text. */
export function Difference({ before, after }: { before: string; after: string }) {
  const say = useAdmin();
  const lines = changes(compared(before, after));
  if (lines.length === 0) return <p className="hint">{say('publish.same')}</p>;
  return (
    <div className="difference" role="group" aria-label={say('publish.difference')} tabIndex={0}>
      {lines.map((line, at) => (
        <div key={at} className={line?.is ?? 'left-out'}>
          {line && line.is !== 'same' && <span className="hidden">{say(line.is === 'new' ? 'publish.new' : 'publish.gone')} </span>}
          <code>{line ? `${MARKS[line.is]} ${line.text}` : '⋯'}</code>
        </div>
      ))}
    </div>
  );
}

/** Longest reason: it is kept in the audit list. */
const REASON_MAX = 200;

/** Shows what would change, and takes a reason. */
export function Publish({ before, after, busy, publish, leave }: {
  before: string; after: string; busy: boolean; publish: (reason: string) => void; leave: () => void;
}) {
  const say = useAdmin();
  const [reason, setReason] = useState('');
  return (
    <form className="box" aria-label={say('publish.title')} onSubmit={(event) => { event.preventDefault(); publish(reason.trim().slice(0, REASON_MAX)); }}>
      <h4>{say('publish.title')}</h4>
      <Difference before={before} after={after} />
      <Text label={say('publish.reason')} value={reason} change={setReason} required hint={say('publish.reason.hint')} />
      <div className="buttons">
        <button type="submit" className="press primary" aria-disabled={busy}><span>{say('publish.now')}</span></button>
        <Press onClick={leave}>{say('publish.leave')}</Press>
      </div>
    </form>
  );
}

type Revision = { revision: number; configuration: string; login: string | null; reason: string | null; date_created: string };

/** What was published before, by whom and why; any of it can be taken into the draft again. */
export function History({ workflow, live, pretty, take }: { workflow: string; live: string; pretty: (text: string) => string; take: (text: string) => void }) {
  const say = useAdmin();
  const { own } = usePaths();
  const { language } = useWords();
  const [shown, show] = useState<number | null>(null);
  const loaded = useLoaded(() => get<{ revisions: Revision[] }>(`${own}/Workflows/${workflow}/Revisions`), [own, workflow, live]);
  const time = new Intl.DateTimeFormat(language, { dateStyle: 'medium', timeStyle: 'short' });
  return (
    <section className="box" aria-labelledby="history">
      <h4 id="history">{say('history.title')}</h4>
      {loaded === 'failed' && <p className="trouble" role="alert">{say('load.failed')}</p>}
      {loaded && loaded !== 'failed' && (
        <table>
          <thead><tr><th scope="col">{say('history.when')}</th><th scope="col">{say('history.who')}</th><th scope="col">{say('history.why')}</th><th scope="col">{say('actions')}</th></tr></thead>
          <tbody>
            {loaded.revisions.map((one, at) => {
              const name = time.format(new Date(one.date_created));
              return (
                <tr key={one.revision}>
                  <th scope="row">{name} {at === 0 && <span className="badge green">{say('history.live')}</span>}</th>
                  <td>{one.login ?? say('history.api')}</td>
                  <td>{one.reason ?? '–'}</td>
                  <td>
                    {at > 0 && (
                      <span className="buttons">
                        <Press aria-expanded={shown === one.revision} onClick={() => show(shown === one.revision ? null : one.revision)}>{say('history.compare')}</Press>
                        <Press onClick={() => take(pretty(one.configuration))}>{say('history.take')}</Press>
                      </span>
                    )}
                    {shown === one.revision && <Difference before={pretty(one.configuration)} after={live} />}
                  </td>
                </tr>
              );
            })}
          </tbody>
        </table>
      )}
    </section>
  );
}
