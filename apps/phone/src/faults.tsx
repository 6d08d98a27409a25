import { MANNERS, type Line, type LineState, type Manner } from './core/line';
import { useWords } from './i18n';

const LOSSES = [0, 5, 20];
/** An extension that nobody has. */
const WRONG = '9999';

/** What can go wrong with a customer, on demand. */
export function Faults({ name, line, state }: { name: string; line: Line; state: LineState }) {
  const { say } = useWords();
  const cut = state.link === 'cut';
  return (
    <details>
      <summary>{say('faults.title')}<span className="hidden"> {name}</span></summary>
      <div className="faults">
        <label className="field">
          <span>{say('faults.manner')}</span>
          <select value={state.manner} onChange={({ target }) => line.behave(target.value as Manner)}>
            {MANNERS.map((one) => <option key={one} value={one}>{say(`faults.manner.${one}`)}</option>)}
          </select>
        </label>
        <label className="field">
          <span>{say('faults.loss')}</span>
          <select value={state.loss} onChange={({ target }) => line.lose(Number(target.value))}>
            {LOSSES.map((loss) => <option key={loss} value={loss}>{say('faults.loss.of', { loss })}</option>)}
          </select>
        </label>
        <div className="buttons">
          <button type="button" className="press" aria-disabled={state.call?.state !== 'live'} onClick={() => line.press(WRONG)}>
            {say('faults.extension', { digits: WRONG })}
          </button>
          {cut
            ? <button type="button" className="press" onClick={() => line.open()}>{say('faults.back')}</button>
            : <button type="button" className="press" onClick={() => void line.cut()}>{say('faults.cut')}</button>}
        </div>
      </div>
    </details>
  );
}
