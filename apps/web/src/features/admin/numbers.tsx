import { useState, type FormEvent } from 'react';
import { postForm, remove } from '../../api/client';
import { prettyNumber } from '../../core/desk';
import { useLoaded } from '../../ui/loaded';
import { get } from '../../api/client';
import { Choice, Remove, Split, Text, Went, all, useAdmin, useAgain, useDeed, usePaths } from './kit';

type Number = { sid: string; phone_number: string; friendly_name: string; voice_url: string | null; voice_method: string; status_callback: string | null };
type Bin = { sid: string; friendly_name: string; document_url: string };

/** What a number's calls are answered by, apart from Tandem's own documents. */
const OTHER = 'other';

/** Our numbers, and what answers their calls. */
export default function Numbers() {
  const say = useAdmin();
  const { routing } = usePaths();
  const [again, reload] = useAgain();
  const [chosen, choose] = useState<string | null>(null);
  const loaded = useLoaded(async () => {
    const { account_sid } = await get<{ account_sid: string }>(routing);
    const path = `/api/2010-04-01/Accounts/${account_sid}/IncomingPhoneNumbers`;
    const [numbers, bins] = await Promise.all([all<Number>(`${path}.json`, 'incoming_phone_numbers'), all<Bin>('/TwimlBins', 'twiml_bins')]);
    return { path, numbers, bins };
  }, [routing, again]);
  if (loaded === 'failed') return <p className="trouble" role="alert">{say('load.failed')}</p>;
  if (!loaded) return <p className="loading" role="status">{say('loading')}</p>;
  const { path, bins } = loaded;
  const numbers = [...loaded.numbers].sort((a, b) => a.phone_number.localeCompare(b.phone_number));
  const number = numbers.find((one) => one.sid === chosen);
  const answers = (one: Number) => bins.find((bin) => bin.document_url === one.voice_url)?.friendly_name ?? one.voice_url ?? '';
  const items = numbers.map((one) => ({ sid: one.sid, name: prettyNumber(one.phone_number), note: answers(one) || say('numbers.nothing') }));
  const done = (sid: string | null) => { choose(sid); reload(); };
  return (
    <Split label={say('numbers.title')} items={items} chosen={chosen} choose={choose} add={say('numbers.add')}>
      {chosen === 'new' && <One key="new" path={path} bins={bins} done={done} />}
      {number && <One key={number.sid} path={path} bins={bins} number={number} done={done} />}
      {!number && chosen !== 'new' && <p className="empty">{say('choose')}</p>}
    </Split>
  );
}

function One({ path, bins, number, done }: { path: string; bins: Bin[]; number?: Number; done: (sid: string | null) => void }) {
  const say = useAdmin();
  const deed = useDeed();
  const [phone, setPhone] = useState(number?.phone_number ?? '');
  const [name, setName] = useState(number?.friendly_name ?? '');
  const [url, setUrl] = useState(number?.voice_url ?? '');
  const [by, setBy] = useState(bins.some((bin) => bin.document_url === url) ? url : OTHER);
  const save = async (event: FormEvent) => {
    event.preventDefault();
    let sid: string | null = null;
    const fields = {
      ...(number ? {} : { PhoneNumber: phone }), ...(name ? { FriendlyName: name } : {}), VoiceUrl: by === OTHER ? url : by,
    };
    const to = number ? `${path}/${number.sid}.json` : `${path}.json`;
    const fine = await deed.run(async () => { ({ sid } = await postForm<{ sid: string }>(to, fields)); }, say('saved', { name: prettyNumber(phone) }));
    if (fine) done(sid);
  };
  const drop = () => void deed.run(() => remove(`${path}/${number?.sid}.json`), say('removed', { name: prettyNumber(phone) })).then((gone) => gone && done(null));
  return (
    <form className="form" onSubmit={(event) => void save(event)}>
      <h3>{number ? prettyNumber(number.phone_number) : say('numbers.new')}</h3>
      {!number && <Text label={say('numbers.number')} value={phone} change={setPhone} required hint="+49301234567" />}
      <Text label={say('name')} value={name} change={setName} />
      <Choice
        label={say('numbers.answer')} value={by} change={setBy}
        options={[...bins.map((bin) => ({ value: bin.document_url, label: say('numbers.bin', { name: bin.friendly_name }) })), { value: OTHER, label: say('numbers.other') }]}
      />
      {by === OTHER && <Text label={say('numbers.url')} type="url" value={url} change={setUrl} hint={say('numbers.url.hint')} />}
      <Went deed={deed} />
      <div className="buttons">
        <button type="submit" className="press primary" aria-disabled={deed.busy}><span>{say(number ? 'save' : 'create')}</span></button>
        {number && <Remove what={prettyNumber(number.phone_number)} act={drop} />}
      </div>
    </form>
  );
}
