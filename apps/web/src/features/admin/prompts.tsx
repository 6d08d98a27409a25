import { useState, type FormEvent } from 'react';
import { get, post, postFile, put, remove } from '../../api/client';
import { duration } from '../../core/time';
import { useWords } from '../../i18n';
import { useLoaded } from '../../ui/loaded';
import { Choice, Field, Remove, Split, Text, Went, all, useAdmin, useAgain, useDeed } from './kit';

export type Prompt = {
  sid: string; friendly_name: string; language: string; text: string | null; content_type: string; bytes: number; length_ms: number;
  date_updated: string; media_url: string;
};
type Music = { prompt_sid: string | null; music_url: string | null };

/** Largest file that the server takes. */
const BYTES_MAX = 20 * 1024 * 1024;
/** Longest text that it has spoken. */
const CHARS_MAX = 4000;
/** Languages that are offered; any other can be chosen over the API. */
const LANGUAGES = ['en-US', 'en-GB', 'de-DE', 'fr-FR', 'es-ES', 'it-IT', 'nl-NL', 'pt-PT', 'pl-PL'];

export const promptsOf = () => all<Prompt>('/Prompts', 'prompts').then((list) => list.sort((a, b) => a.friendly_name.localeCompare(b.friendly_name)));

/** What callers hear: uploaded, or spoken by the speech provider. */
export default function Prompts() {
  const say = useAdmin();
  const [again, reload] = useAgain();
  const [chosen, choose] = useState<string | null>(null);
  const loaded = useLoaded(async () => {
    const [prompts, music] = await Promise.all([promptsOf(), get<Music>('/HoldMusic')]);
    return { prompts, music };
  }, [again]);
  if (loaded === 'failed') return <p className="trouble" role="alert">{say('load.failed')}</p>;
  if (!loaded) return <p className="loading" role="status">{say('loading')}</p>;
  const { prompts, music } = loaded;
  const prompt = prompts.find((one) => one.sid === chosen);
  const items = prompts.map((one) => ({ sid: one.sid, name: one.friendly_name, note: `${duration(one.length_ms)} · ${one.language}` }));
  const done = (sid: string | null) => { choose(sid); reload(); };
  return (
    <>
      <HoldMusic prompts={prompts} music={music} done={reload} />
      <Split label={say('prompts.title')} items={items} chosen={chosen} choose={choose} add={say('prompts.add')}>
        {chosen === 'new' && <One key="new" done={done} />}
        {prompt && <One key={prompt.sid} prompt={prompt} done={done} />}
        {!prompt && chosen !== 'new' && <p className="empty">{say(prompts.length ? 'choose' : 'prompts.none')}</p>}
      </Split>
    </>
  );
}

const OURS = '';
const ELSEWHERE = 'elsewhere';

/** What those hear who are held, parked or in a queue. */
function HoldMusic({ prompts, music, done }: { prompts: Prompt[]; music: Music; done: () => void }) {
  const say = useAdmin();
  const deed = useDeed();
  const now = music.prompt_sid ?? (music.music_url ? ELSEWHERE : OURS);
  const [by, setBy] = useState(now);
  const [url, setUrl] = useState(music.music_url ?? '');
  const save = async (event: FormEvent) => {
    event.preventDefault();
    const act = () => {
      if (by === OURS) return remove('/HoldMusic');
      return put('/HoldMusic', by === ELSEWHERE ? { music_url: url } : { prompt_sid: by });
    };
    if (await deed.run(act, say('music.saved'))) done();
  };
  const options = [
    { value: OURS, label: say('music.ours') },
    ...prompts.map((one) => ({ value: one.sid, label: one.friendly_name })),
    { value: ELSEWHERE, label: say('music.elsewhere') },
  ];
  return (
    <form className="form box" onSubmit={(event) => void save(event)}>
      <div className="line">
        <Choice label={say('music.title')} value={by} change={setBy} options={options} />
        {by === ELSEWHERE && <Text label={say('music.url')} type="url" value={url} change={setUrl} required />}
        <button type="submit" className="press" aria-disabled={deed.busy}><span>{say('music.save')}</span></button>
      </div>
      <Went deed={deed} />
    </form>
  );
}

type Source = 'file' | 'words';

function One({ prompt, done }: { prompt?: Prompt; done: (sid: string | null) => void }) {
  const say = useAdmin();
  const { language: shown } = useWords();
  const deed = useDeed();
  const [name, setName] = useState(prompt?.friendly_name ?? '');
  const [language, setLanguage] = useState(prompt?.language ?? (shown === 'de' ? 'de-DE' : 'en-US'));
  const [source, setSource] = useState<Source>(prompt?.text ? 'words' : 'file');
  const [text, setText] = useState(prompt?.text ?? '');
  const [file, setFile] = useState<File | null>(null);
  const save = async (event: FormEvent) => {
    event.preventDefault();
    const path = prompt ? `/Prompts/${prompt.sid}` : '/Prompts';
    let sid: string | null = null;
    const fine = await deed.run(async () => {
      if (source === 'file' && file && file.size > BYTES_MAX) throw new Error(say('prompts.large', { most: BYTES_MAX / 1024 / 1024 }));
      const kept = source === 'file' && file
        ? await postFile<Prompt>(path, file, { FriendlyName: name, Language: language })
        : await post<Prompt>(path, { friendly_name: name, language, ...(source === 'words' ? { text } : {}) });
      sid = kept.sid;
    }, say('saved', { name }));
    if (!fine) return;
    setFile(null);
    done(sid);
  };
  const drop = () => void deed.run(() => remove(`/Prompts/${prompt?.sid}`), say('removed', { name })).then((gone) => gone && done(null));
  const names = new Intl.DisplayNames([shown], { type: 'language' });
  const languages = LANGUAGES.includes(language) ? LANGUAGES : [language, ...LANGUAGES];
  const heard = prompt && `/tandem/v1/Prompts/${prompt.sid}/Media?of=${encodeURIComponent(prompt.date_updated)}`;
  return (
    <form className="form" onSubmit={(event) => void save(event)}>
      <h3>{prompt?.friendly_name ?? say('prompts.new')}</h3>
      {prompt && (
        <div className="hinted">
          <audio controls preload="none" src={heard} aria-label={say('prompts.listen', { name: prompt.friendly_name })} />
          <small>{say('prompts.about', { length: duration(prompt.length_ms), kind: prompt.content_type === 'audio/wav' ? 'WAV' : 'MP3', size: new Intl.NumberFormat(shown).format(Math.ceil(prompt.bytes / 1024)) })}</small>
        </div>
      )}
      <div className="pair">
        <Text label={say('name')} value={name} change={setName} required />
        <Choice label={say('prompts.language')} value={language} change={setLanguage} options={languages.map((one) => ({ value: one, label: names.of(one) ?? one }))} />
      </div>
      <fieldset className="choices">
        <legend>{say(prompt ? 'prompts.replace' : 'prompts.source')}</legend>
        {(['file', 'words'] as const).map((one) => (
          <label key={one} className="pick"><input type="radio" name="source" checked={source === one} onChange={() => setSource(one)} /> <span>{say(`prompts.${one}`)}</span></label>
        ))}
      </fieldset>
      {source === 'file' && (
        <div className="hinted">
          <Field label={say('prompts.upload')}>
            <input key={prompt?.date_updated} type="file" accept="audio/wav,audio/x-wav,audio/mpeg,.wav,.mp3" required={!prompt} onChange={(event) => setFile(event.target.files?.[0] ?? null)} />
          </Field>
          <small>{say('prompts.limits')}</small>
        </div>
      )}
      {source === 'words' && (
        <div className="hinted">
          <Field label={say('prompts.text')}>
            <textarea rows={4} value={text} required maxLength={CHARS_MAX} lang={language} onChange={(event) => setText(event.target.value)} />
          </Field>
          <small>{say('prompts.spoken')}</small>
        </div>
      )}
      {prompt && (
        <p className="hint">{say('prompts.play')} <code>{`<Play>${prompt.media_url}</Play>`}</code></p>
      )}
      <Went deed={deed} />
      <div className="buttons">
        <button type="submit" className="press primary" aria-disabled={deed.busy}><span>{say(prompt ? 'save' : 'create')}</span></button>
        {prompt && <Remove what={prompt.friendly_name} act={drop} />}
      </div>
    </form>
  );
}
