import { useEffect, useState, type FormEvent } from 'react';
import { Card } from './card';
import { ApiFailure, numbers, signIn, whoAmI, type OwnNumber, type Session } from './core/api';
import { PEOPLE, wished, type Persona } from './core/people';
import { LANGUAGES, useWords, type Language } from './i18n';
import { chooseTheme, THEMES, themeNow, type Theme } from '../../common/theme';

/** Who calls first: enough for a swap. */
const AT_FIRST = 2;

/** Simulated customers: up to six phones on a page, behind the sign-in of any desk. */
export function App() {
  const { say } = useWords();
  const [session, setSession] = useState<Session | null | undefined>(undefined);
  useEffect(() => {
    whoAmI().then(setSession, () => setSession(null));
  }, []);
  useEffect(() => {
    document.title = `${say('app.title')} · Tandem`;
  }, [say]);
  if (session === undefined) return null;
  return session ? <Phones /> : <Login entered={setSession} />;
}

function Login({ entered }: { entered: (session: Session | null) => void }) {
  const { say } = useWords();
  const [wrong, setWrong] = useState<string | null>(null);
  const submit = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    setWrong(null);
    try {
      entered(await signIn(String(form.get('username')), String(form.get('password'))));
    } catch (error) {
      const refused = error instanceof ApiFailure && error.status === 401;
      setWrong(refused ? say('login.wrong') : say('login.failed', { why: (error as Error).message }));
    }
  };
  return (
    <main className="door">
      <form onSubmit={submit} className="card">
        <h1>{say('login.title')}</h1>
        <p className="hint">{say('login.hint')}</p>
        <label className="field"><span>{say('login.name')}</span><input name="username" autoComplete="username" autoFocus required /></label>
        <label className="field">
          <span>{say('login.password')}</span><input name="password" type="password" autoComplete="current-password" required />
        </label>
        {wrong && <p className="trouble" role="alert">{wrong}</p>}
        <button type="submit" className="press primary">{say('login.button')}</button>
      </form>
    </main>
  );
}

function Phones() {
  const { say } = useWords();
  const [wish] = useState(() => wished(location.search));
  const [people, setPeople] = useState<readonly Persona[]>(() => begin(wish?.persona));
  const [own, setOwn] = useState<OwnNumber[] | null>(null);
  const [trouble, setTrouble] = useState<string | null>(null);
  const [tries, setTries] = useState(0);
  const [heard, setHeard] = useState<string | null>(null);
  useEffect(() => {
    let there = true;
    numbers().then(
      (all) => there && (setOwn(all), setTrouble(null)),
      (error: Error) => there && setTrouble(error.message),
    );
    return () => {
      there = false;
    };
  }, [tries]);
  const absent = PEOPLE.filter((one) => !people.some((other) => other.number === one.number));
  const full = people.length >= PEOPLE.length;
  const add = () => setPeople((before) => [...before, ...absent.slice(0, 1)]);
  const name = people.find((one) => one.number === heard)?.name;
  return (
    <>
      <header>
        <p className="stripe">{say('app.stripe')}</p>
        <div className="top">
          <h1>{say('app.title')}</h1>
          <a href="/desk" target="_blank" rel="noreferrer">{say('app.desk')}</a>
          <span className="grow" />
          <Preferences />
          <button type="button" className="press" aria-disabled={full} title={full ? say('app.all') : undefined} onClick={() => !full && add()}>
            {say('app.add')}
          </button>
        </div>
      </header>
      <main>
        {trouble && (
          <p className="trouble" role="alert">
            {say('app.failed', { why: trouble })}
            <button type="button" className="press" onClick={() => setTries(tries + 1)}>{say('app.retry')}</button>
          </p>
        )}
        <p className="hint" role="status">{name ? say('app.speaker', { name }) : say('app.speaker.nobody')}</p>
        {own && (
          <ul className="phones">
            {people.map((persona, at) => (
              <li key={persona.number}>
                <Card
                  persona={persona}
                  numbers={own}
                  wish={at === 0 ? wish : null}
                  aloud={heard === persona.number}
                  listen={(aloud) => setHeard(aloud ? persona.number : null)}
                  {...(people.length > 1 ? { remove: () => setPeople((all) => all.filter((one) => one !== persona)) } : {})}
                />
              </li>
            ))}
          </ul>
        )}
      </main>
    </>
  );
}

/** The first phones; whoever the address asks for is the first of them. */
function begin(asked: Persona | undefined): Persona[] {
  const others = PEOPLE.filter((one) => one.number !== asked?.number);
  return [...(asked ? [asked] : []), ...others].slice(0, AT_FIRST);
}

function Preferences() {
  const { say, language, speak } = useWords();
  const [theme, setTheme] = useState<Theme>(themeNow);
  return (
    <>
      <label className="pick">
        <span>{say('app.theme')}</span>
        <select value={theme} onChange={({ target }) => { setTheme(target.value as Theme); chooseTheme(target.value as Theme); }}>
          {THEMES.map((one) => <option key={one} value={one}>{say(`app.theme.${one}`)}</option>)}
        </select>
      </label>
      <label className="pick">
        <span>{say('app.language')}</span>
        <select value={language} onChange={({ target }) => speak(target.value as Language)}>
          {Object.entries(LANGUAGES).map(([code, { name }]) => <option key={code} value={code}>{name}</option>)}
        </select>
      </label>
    </>
  );
}
