import { useState } from 'react';
import { postForm, remove } from '../../api/client';
import { useLoaded } from '../../ui/loaded';
import { Press } from '../../ui/parts';
import { readDocument, writeDocument } from './document';
import { Field, Remove, Split, Text, Went, all, useAdmin, useAgain, useDeed, usePaths } from './kit';
import { History, Publish } from './publish';
import { Replay } from './replay';
import { Trial } from './trial';
import { DocumentForm, type QueueName } from './workflow-form';

type Workflow = { sid: string; friendly_name: string; configuration: string; task_reservation_timeout: number; assignment_callback_url: string | null };

/** Workflows: which tasks go where. Form and document are two views of one text. */
export default function Workflows() {
  const say = useAdmin();
  const { routing } = usePaths();
  const [again, reload] = useAgain();
  const [chosen, choose] = useState<string | null>(null);
  const loaded = useLoaded(async () => {
    const [workflows, queues] = await Promise.all([all<Workflow>(`${routing}/Workflows`, 'workflows'), all<QueueName>(`${routing}/TaskQueues`, 'task_queues')]);
    return { workflows, queues };
  }, [routing, again]);
  if (loaded === 'failed') return <p className="trouble" role="alert">{say('load.failed')}</p>;
  if (!loaded) return <p className="loading" role="status">{say('loading')}</p>;
  const { workflows, queues } = loaded;
  const workflow = workflows.find((one) => one.sid === chosen);
  const done = (sid: string | null) => { choose(sid); reload(); };
  return (
    <Split label={say('workflows.title')} items={workflows.map((one) => ({ sid: one.sid, name: one.friendly_name }))} chosen={chosen} choose={choose} add={say('workflows.add')}>
      {chosen === 'new' && <One key="new" queues={queues} done={done} />}
      {workflow && <One key={workflow.sid} workflow={workflow} queues={queues} done={done} />}
      {!workflow && chosen !== 'new' && <p className="empty">{say('choose')}</p>}
    </Split>
  );
}

const pretty = (text: string) => {
  const document = readDocument(text);
  return 'wrong' in document ? text : writeDocument(document as Parameters<typeof writeDocument>[0]);
};

function One({ workflow, queues, done }: { workflow?: Workflow; queues: QueueName[]; done: (sid: string | null) => void }) {
  const say = useAdmin();
  const { routing } = usePaths();
  const deed = useDeed();
  const [name, setName] = useState(workflow?.friendly_name ?? '');
  const [timeout, setWait] = useState(String(workflow?.task_reservation_timeout ?? 120));
  const [callback, setCallback] = useState(workflow?.assignment_callback_url ?? '');
  const live = pretty(workflow?.configuration ?? JSON.stringify({ task_routing: { filters: [], default_filter: { queue: queues[0]?.sid ?? '' } } }));
  const [text, setText] = useState(live);
  const read = readDocument(text);
  const document = 'wrong' in read ? null : (read as Exclude<typeof read, { wrong: string }>);
  const [publishing, setPublishing] = useState(false);
  const save = async (reason?: string) => {
    let sid: string | null = null;
    const path = workflow ? `${routing}/Workflows/${workflow.sid}` : `${routing}/Workflows`;
    const fields = { FriendlyName: name, Configuration: text, TaskReservationTimeout: timeout, AssignmentCallbackUrl: callback, Reason: reason };
    const fine = await deed.run(async () => { ({ sid } = await postForm<{ sid: string }>(path, fields)); }, say('saved', { name }));
    if (!fine) return;
    setPublishing(false);
    done(sid);
  };
  const drop = () => void deed.run(() => remove(`${routing}/Workflows/${workflow?.sid}`), say('removed', { name })).then((gone) => gone && done(null));
  return (
    <div className="form wide">
      <h3>{workflow?.friendly_name ?? say('workflows.new')} {text !== live && <span className="badge orange">{say('workflows.draft')}</span>}</h3>
      <div className="pair">
        <Text label={say('name')} value={name} change={setName} required />
        <Text label={say('workflows.timeout')} type="number" value={timeout} change={setWait} />
        <Text label={say('workflows.callback')} type="url" value={callback} change={setCallback} />
      </div>
      <div className="sides">
        <section aria-label={say('workflows.form')}>
          <h4>{say('workflows.form')}</h4>
          {document ? <DocumentForm document={document} change={(next) => setText(writeDocument(next))} queues={queues} />
            : <p className="trouble" role="alert">{say('workflows.broken', { why: 'wrong' in read ? String(read.wrong) : '' })}</p>}
        </section>
        <section aria-label={say('workflows.json')}>
          <h4>{say('workflows.json')}</h4>
          <Field label={say('workflows.document')}>
            <textarea className="code" rows={26} spellCheck={false} value={text} onChange={(event) => setText(event.target.value)} />
          </Field>
        </section>
      </div>
      <Went deed={deed} />
      {publishing && <Publish before={live} after={text} busy={deed.busy} publish={(reason) => void save(reason)} leave={() => setPublishing(false)} />}
      <div className="buttons">
        {!workflow && <Press tone="primary" aria-disabled={deed.busy} onClick={() => void save()}>{say('create')}</Press>}
        {workflow && !publishing && <Press tone="primary" aria-disabled={deed.busy} onClick={() => setPublishing(true)}>{say('workflows.publish')}</Press>}
        {text !== live && <Press onClick={() => setText(live)}>{say('workflows.discard')}</Press>}
        {workflow && <Remove what={workflow.friendly_name} act={drop} />}
      </div>
      {workflow && <History workflow={workflow.sid} live={live} pretty={pretty} take={setText} />}
      <Trial configuration={text} />
      {workflow && <Replay workflow={workflow.sid} configuration={text} queues={queues} />}
    </div>
  );
}
