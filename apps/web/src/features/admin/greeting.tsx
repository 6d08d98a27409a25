import { useState, type FormEvent } from 'react';
import { get, put, remove } from '../../api/client';
import { useLoaded } from '../../ui/loaded';
import { Choice, Field, Text, Went, useAdmin, useDeed, usePaths } from './kit';
import { promptsOf, type Prompt } from './prompts';

type Kept = { greeting_text: string | null; greeting_url: string | null; length_max_s: number; transcribe: boolean };

const USUAL = 'usual';
const WORDS = 'words';
const ELSEWHERE = 'elsewhere';

/** What callers hear before they leave a message: for an agent (`Workers/WK…`) or a queue (`TaskQueues/WQ…`). */
export function Greeting({ of }: { of: string }) {
  const say = useAdmin();
  const { own } = usePaths();
  const path = `${own}/${of}/VoicemailGreeting`;
  const loaded = useLoaded(async () => {
    const [kept, prompts] = await Promise.all([get<Kept>(path), promptsOf()]);
    return { kept, prompts };
  }, [path]);
  if (loaded === 'failed') return <p className="trouble" role="alert">{say('load.failed')}</p>;
  if (!loaded) return <p className="loading" role="status">{say('loading')}</p>;
  return <Chosen key={path} path={path} {...loaded} />;
}

function Chosen({ path, kept, prompts }: { path: string; kept: Kept; prompts: Prompt[] }) {
  const say = useAdmin();
  const deed = useDeed();
  const prompt = prompts.find((one) => one.media_url === kept.greeting_url);
  const [by, setBy] = useState(prompt?.sid ?? (kept.greeting_url ? ELSEWHERE : kept.greeting_text ? WORDS : USUAL));
  const [text, setText] = useState(kept.greeting_text ?? '');
  const [url, setUrl] = useState(prompt ? '' : (kept.greeting_url ?? ''));
  const save = (event: FormEvent) => {
    event.preventDefault();
    const { length_max_s, transcribe } = kept;
    const said = by === WORDS ? { greeting_text: text } : { greeting_url: by === ELSEWHERE ? url : prompts.find((one) => one.sid === by)?.media_url };
    const isUsual = by === USUAL && !kept.transcribe;
    void deed.run(async () => {
      if (isUsual && !kept.greeting_text && !kept.greeting_url) return;
      await (isUsual ? remove(path) : put(path, { ...(by === USUAL ? {} : said), length_max_s, transcribe }));
    }, say('greeting.saved'));
  };
  return (
    <form className="form box" onSubmit={save}>
      <h4>{say('greeting.title')}</h4>
      <Choice
        label={say('greeting.heard')} value={by} change={setBy}
        options={[
          { value: USUAL, label: say('greeting.usual') },
          ...prompts.map((one) => ({ value: one.sid, label: say('greeting.prompt', { name: one.friendly_name }) })),
          { value: WORDS, label: say('greeting.words') },
          { value: ELSEWHERE, label: say('greeting.elsewhere') },
        ]}
      />
      {by === WORDS && (
        <Field label={say('prompts.text')}>
          <textarea rows={3} value={text} required maxLength={1000} onChange={(event) => setText(event.target.value)} />
        </Field>
      )}
      {by === ELSEWHERE && <Text label={say('greeting.url')} type="url" value={url} change={setUrl} required />}
      <Went deed={deed} />
      <div className="buttons"><button type="submit" className="press" aria-disabled={deed.busy}><span>{say('greeting.save')}</span></button></div>
    </form>
  );
}
