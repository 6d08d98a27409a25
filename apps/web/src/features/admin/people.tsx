import { useMemo, useState, type FormEvent } from 'react';
import { post, postForm, remove } from '../../api/client';
import { useHere } from '../../app/context';
import { download } from '../../core/csv';
import { useLoaded } from '../../ui/loaded';
import { Press } from '../../ui/parts';
import { COLUMNS, rowOf, wanted, type Wanted } from './agents-csv';
import { Choice, Field, Remove, Split, Text, Went, all, useAdmin, useAgain, useDeed, usePaths } from './kit';
import { readWorker, writeWorker, type Profile } from './profile';

type Worker = { sid: string; friendly_name: string; activity_sid: string; activity_name: string; available: boolean; attributes: string };
type Channel = { sid: string; task_channel_sid: string; task_channel_unique_name: string; configured_capacity: number; available: boolean };

/** Who takes work: name, skills with levels, capacity by channel, activity. */
export default function People() {
  const say = useAdmin();
  const { routing } = usePaths();
  const [again, reload] = useAgain();
  const [chosen, choose] = useState<string | null>(null);
  const loaded = useLoaded(() => all<Worker>(`${routing}/Workers`, 'workers'), [routing, again]);
  if (loaded === 'failed') return <p className="trouble" role="alert">{say('load.failed')}</p>;
  if (!loaded) return <p className="loading" role="status">{say('loading')}</p>;
  const workers = [...loaded].sort((a, b) => a.friendly_name.localeCompare(b.friendly_name));
  const worker = workers.find((one) => one.sid === chosen);
  const items = workers.map((one) => ({ sid: one.sid, name: readWorker(one.attributes).full_name || one.friendly_name, note: one.activity_name }));
  return (
    <>
      <Files workers={workers} done={() => { choose(null); reload(); }} />
      <Split label={say('people.title')} items={items} chosen={chosen} choose={choose} add={say('people.add')}>
        {chosen === 'new' && <One key="new" done={(sid) => { choose(sid); reload(); }} />}
        {worker && <One key={worker.sid} worker={worker} done={(sid) => { choose(sid); reload(); }} />}
        {!worker && chosen !== 'new' && <p className="empty">{say('choose')}</p>}
      </Split>
    </>
  );
}

/** All agents as a file, and a file as agents: what it would do is shown first. */
function Files({ workers, done }: { workers: Worker[]; done: () => void }) {
  const say = useAdmin();
  const { routing } = usePaths();
  const deed = useDeed();
  const [plan, setPlan] = useState<Wanted[] | null>(null);
  const news = plan?.filter((one) => one.is !== 'same') ?? [];
  const count = (is: Wanted['is']) => plan?.filter((one) => one.is === is).length ?? 0;
  const read = (file: File | undefined) =>
    void deed.run(async () => {
      setPlan(null);
      if (!file) return;
      const found = wanted(await file.text(), workers);
      if (!Array.isArray(found)) throw new Error(say('agents.wrong', { line: found.line, columns: COLUMNS.join(', ') }));
      setPlan(found);
    }, '');
  const apply = () =>
    void deed.run(async () => {
      for (const { name, attributes } of news) {
        const there = workers.find((one) => one.friendly_name === name);
        await postForm(there ? `${routing}/Workers/${there.sid}` : `${routing}/Workers`, { FriendlyName: name, Attributes: attributes });
      }
    }, say('agents.done', { count: news.length })).then((fine) => {
      if (fine) setPlan(null);
      done();
    });
  return (
    <details className="box">
      <summary>{say('agents.files')}</summary>
      <div className="form">
        <div className="buttons"><Press onClick={() => download('agents', COLUMNS, workers.map(rowOf))}>{say('agents.save')}</Press></div>
        <div className="hinted">
          <Field label={say('agents.load')}><input type="file" accept=".csv,text/csv" onChange={(event) => read(event.target.files?.[0])} /></Field>
          <small>{say('agents.hint', { columns: COLUMNS.join(', ') })}</small>
        </div>
        {plan && <p role="status">{say('agents.plan', { made: count('new'), changed: count('changed'), same: count('same') })}</p>}
        {news.length > 0 && <div className="buttons"><Press tone="primary" aria-disabled={deed.busy} onClick={apply}>{say('agents.apply')}</Press></div>}
        <Went deed={deed} />
      </div>
    </details>
  );
}

function One({ worker, done }: { worker?: Worker; done: (sid: string | null) => void }) {
  const say = useAdmin();
  const { desk } = useHere();
  const { routing, ws } = usePaths();
  const deed = useDeed();
  const [name, setName] = useState(worker?.friendly_name ?? '');
  const [profile, setProfile] = useState<Profile>(() => readWorker(worker?.attributes ?? '{}'));
  const [activity, setActivity] = useState(worker?.activity_sid ?? '');
  const [login, setLogin] = useState('');
  const [password, setPassword] = useState('');
  const [role, setRole] = useState('agent');
  const set = (change: Partial<Profile>) => setProfile({ ...profile, ...change });
  const attributes = useMemo(() => writeWorker(profile), [profile]);
  const save = async (event: FormEvent) => {
    event.preventDefault();
    let sid = worker?.sid ?? null;
    const fine = await deed.run(async () => {
      if (typeof attributes !== 'string') throw new Error(attributes.wrong);
      const fields = { FriendlyName: name, Attributes: attributes, ...(activity && activity !== worker?.activity_sid ? { ActivitySid: activity } : {}) };
      const path = worker ? `${routing}/Workers/${worker.sid}` : `${routing}/Workers`;
      ({ sid } = await postForm<{ sid: string }>(path, fields));
      if (login) await post('/Users', { login, password, role, workspace_sid: ws, worker_sid: sid });
    }, say('saved', { name }));
    if (fine && (!worker || login)) done(sid);
  };
  const drop = () => void deed.run(() => remove(`${routing}/Workers/${worker?.sid}`), say('removed', { name })).then((gone) => gone && done(null));
  return (
    <form className="form" onSubmit={(event) => void save(event)}>
      <h3>{worker ? profile.full_name || name : say('people.new')}</h3>
      <div className="pair">
        <Text label={say('people.name')} value={name} change={setName} required hint={say('people.name.hint')} />
        <Text label={say('people.full')} value={profile.full_name} change={(full_name) => set({ full_name })} />
        <Text label={say('people.extension')} value={profile.directExtension} change={(directExtension) => set({ directExtension })} />
        <Text label={say('people.contact')} value={profile.contact_uri} change={(contact_uri) => set({ contact_uri })} hint={say('people.contact.hint')} />
        <Choice
          label={say('people.activity')} value={activity} change={setActivity}
          options={[...(worker ? [] : [{ value: '', label: say('people.activity.usual') }]), ...desk.activities.map((one) => ({ value: one.sid, label: one.name }))]}
        />
      </div>
      <Skills profile={profile} set={set} />
      <details>
        <summary>{say('people.attributes')}</summary>
        <Field label={say('people.attributes.label')}>
          <textarea rows={6} spellCheck={false} value={profile.rest} onChange={(event) => set({ rest: event.target.value })} />
        </Field>
        {typeof attributes !== 'string' && <p className="trouble" role="alert">{attributes.wrong}</p>}
      </details>
      {worker && <Capacities worker={worker} />}
      <fieldset className="box">
        <legend>{say('people.login')}</legend>
        <div className="pair">
          <Text label={say('users.login')} value={login} change={setLogin} hint={say('people.login.hint')} />
          <Text label={say('users.password')} type="password" value={password} change={setPassword} required={login !== ''} autoComplete="new-password" />
          <Choice label={say('users.role')} value={role} change={setRole} options={(['agent', 'supervisor', 'admin'] as const).map((one) => ({ value: one, label: say(`role.${one}`) }))} />
        </div>
      </fieldset>
      <Went deed={deed} />
      <div className="buttons">
        <button type="submit" className="press primary" aria-disabled={deed.busy}><span>{say(worker ? 'save' : 'create')}</span></button>
        {worker && <Remove what={name} act={drop} />}
      </div>
    </form>
  );
}

function Skills({ profile, set }: { profile: Profile; set: (change: Partial<Profile>) => void }) {
  const say = useAdmin();
  const [added, add] = useState('');
  const { skills } = profile;
  const change = (at: number, level: string) => set({ skills: skills.map((one, i) => (i === at ? { ...one, level } : one)) });
  const more = () => {
    const name = added.trim();
    if (name && !skills.some((one) => one.name === name)) set({ skills: [...skills, { name, level: '' }] });
    add('');
  };
  return (
    <fieldset className="box">
      <legend>{say('people.skills')}</legend>
      <ul className="skills">
        {skills.map((skill, at) => (
          <li key={skill.name}>
            <span>{skill.name}</span>
            <input
              type="number" min={0} max={100} aria-label={say('people.level', { skill: skill.name })} placeholder={say('people.level.none')}
              value={skill.level} onChange={(event) => change(at, event.target.value)}
            />
            <Press onClick={() => set({ skills: skills.filter((_, i) => i !== at) })}>{say('people.skill.remove', { skill: skill.name })}</Press>
          </li>
        ))}
      </ul>
      <div className="line">
        <input
          aria-label={say('people.skill.new')} value={added} placeholder={say('people.skill.new')} onChange={(event) => add(event.target.value)}
          onKeyDown={(event) => {
            if (event.key === 'Enter') {
              event.preventDefault();
              more();
            }
          }}
        />
        <Press onClick={more}>{say('people.skill.add')}</Press>
      </div>
    </fieldset>
  );
}

function Capacities({ worker }: { worker: Worker }) {
  const say = useAdmin();
  const { routing } = usePaths();
  const deed = useDeed();
  const [again, reload] = useAgain();
  const path = `${routing}/Workers/${worker.sid}/Channels`;
  const channels = useLoaded(() => all<Channel>(path, 'channels'), [path, again]);
  if (!channels || channels === 'failed') return null;
  const change = (of: Channel, fields: Record<string, string>) =>
    void deed.run(() => postForm(`${path}/${of.sid}`, fields), say('saved', { name: of.task_channel_unique_name })).then(reload);
  return (
    <fieldset className="box">
      <legend>{say('people.channels')}</legend>
      <table>
        <thead><tr><th scope="col">{say('people.channel')}</th><th scope="col">{say('people.capacity')}</th><th scope="col">{say('people.takes')}</th></tr></thead>
        <tbody>
          {channels.map((one) => (
            <tr key={one.sid}>
              <th scope="row">{one.task_channel_unique_name}</th>
              <td>
                <input
                  type="number" min={0} max={50} aria-label={say('people.capacity.of', { channel: one.task_channel_unique_name })}
                  defaultValue={one.configured_capacity}
                  onBlur={(event) => event.target.value !== String(one.configured_capacity) && change(one, { Capacity: event.target.value })}
                />
              </td>
              <td>
                <input
                  type="checkbox" aria-label={say('people.takes.of', { channel: one.task_channel_unique_name })} checked={one.available}
                  onChange={(event) => change(one, { Available: String(event.target.checked) })}
                />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      <Went deed={deed} />
    </fieldset>
  );
}
