import { useState, type FormEvent } from 'react';
import { post, remove } from '../../api/client';
import { useHere } from '../../app/context';
import { useLoaded } from '../../ui/loaded';
import { Choice, Remove, Split, Text, Went, all, useAdmin, useAgain, useDeed, usePaths } from './kit';

type User = { sid: string; login: string; role: Role; workspace_sid: string | null; worker_sid: string | null };
type Role = 'agent' | 'supervisor' | 'admin';
const ROLES: readonly Role[] = ['agent', 'supervisor', 'admin'];

/** Who may sign in, and as what. */
export default function Users() {
  const say = useAdmin();
  const { ws } = usePaths();
  const [again, reload] = useAgain();
  const [chosen, choose] = useState<string | null>(null);
  const loaded = useLoaded(() => all<User>('/Users', 'users'), [again]);
  if (loaded === 'failed') return <p className="trouble" role="alert">{say('load.failed')}</p>;
  if (!loaded) return <p className="loading" role="status">{say('loading')}</p>;
  const users = loaded.filter((one) => one.workspace_sid === null || one.workspace_sid === ws).sort((a, b) => a.login.localeCompare(b.login));
  const user = users.find((one) => one.sid === chosen);
  const items = users.map((one) => ({ sid: one.sid, name: one.login, note: say(`role.${one.role}`) }));
  const done = (sid: string | null) => { choose(sid); reload(); };
  return (
    <Split label={say('users.title')} items={items} chosen={chosen} choose={choose} add={say('users.add')}>
      {chosen === 'new' && <One key="new" done={done} />}
      {user && <One key={user.sid} user={user} done={done} />}
      {!user && chosen !== 'new' && <p className="empty">{say('choose')}</p>}
    </Split>
  );
}

function One({ user, done }: { user?: User; done: (sid: string | null) => void }) {
  const say = useAdmin();
  const { desk, session } = useHere();
  const { ws } = usePaths();
  const deed = useDeed();
  const [login, setLogin] = useState(user?.login ?? '');
  const [password, setPassword] = useState('');
  const [role, setRole] = useState<string>(user?.role ?? 'agent');
  const [worker, setWorker] = useState(user?.worker_sid ?? '');
  const self = user?.sid === session.user_sid;
  const save = async (event: FormEvent) => {
    event.preventDefault();
    let sid: string | null = null;
    const fields = { login, role, worker_sid: worker, workspace_sid: ws, ...(password ? { password } : {}) };
    const fine = await deed.run(async () => { ({ sid } = await post<{ sid: string }>(user ? `/Users/${user.sid}` : '/Users', fields)); }, say('saved', { name: login }));
    if (fine) done(sid);
  };
  const drop = () => void deed.run(() => remove(`/Users/${user?.sid}`), say('removed', { name: login })).then((gone) => gone && done(null));
  const people = [...desk.people].sort((a, b) => a.name.localeCompare(b.name));
  return (
    <form className="form" onSubmit={(event) => void save(event)}>
      <h3>{user?.login ?? say('users.new')}</h3>
      <div className="pair">
        <Text label={say('users.login')} value={login} change={setLogin} required />
        <Text
          label={say('users.password')} type="password" value={password} change={setPassword} required={!user} autoComplete="new-password"
          {...(user ? { hint: say('users.password.keep') } : {})}
        />
        <Choice label={say('users.role')} value={role} change={setRole} options={ROLES.map((one) => ({ value: one, label: say(`role.${one}`) }))} />
        <Choice
          label={say('users.worker')} value={worker} change={setWorker}
          options={[{ value: '', label: say('users.worker.none') }, ...people.map((one) => ({ value: one.worker_sid, label: one.name }))]}
        />
      </div>
      <p className="hint">{say('users.hint')}</p>
      <Went deed={deed} />
      <div className="buttons">
        <button type="submit" className="press primary" aria-disabled={deed.busy}><span>{say(user ? 'save' : 'create')}</span></button>
        {user && !self && <Remove what={user.login} act={drop} />}
      </div>
    </form>
  );
}
