import { useCallback, useEffect, useId, useRef, useState, type ReactNode } from 'react';
import { get, post } from '../../api/client';
import { useHere } from '../../app/context';
import { useWords } from '../../i18n';
import { Icon } from '../../ui/icons';
import { texts, type AdminKey } from './texts';
import { fill, type Values } from '../../i18n';

export type SayAdmin = (key: AdminKey, values?: Values) => string;

/** The texts of these pages, which come with them. */
export function useAdmin(): SayAdmin {
  const { language } = useWords();
  return useCallback((key, values) => fill(texts[language][key], values), [language]);
}

/** Where the workspace's set-up is. */
export function usePaths() {
  const { workspace_sid: ws } = useHere().desk.me;
  return { ws, routing: `/taskrouter/v1/Workspaces/${ws}`, own: `/Workspaces/${ws}` };
}

/** Entries that one page of a list shows; pages that are read in a row. */
const PAGE = 200;
const PAGES_MAX = 50;

/** Every entry of a list, over its pages. */
export async function all<T>(path: string, key: string): Promise<T[]> {
  const found: T[] = [];
  let next: string | null = `${path}${path.includes('?') ? '&' : '?'}PageSize=${PAGE}`;
  for (let page = 0; next && page < PAGES_MAX; page += 1) {
    const answer: Record<string, unknown> = await get(next);
    found.push(...(answer[key] as T[]));
    const url = (answer['meta'] as { next_page_url?: string | null } | undefined)?.next_page_url ?? (answer['next_page_uri'] as string | null | undefined);
    next = url ? inside(url) : null;
  }
  return found;
}

/** A page's address as we ask for it: our own paths come without their root. */
function inside(url: string) {
  const { pathname, search } = new URL(url, location.origin);
  const path = pathname.startsWith('/2010-04-01/') ? `/api${pathname}` : pathname.replace(/^\/tandem\/v1/, '');
  return path + search;
}

export type Deed = {
  busy: boolean;
  wrong: string | null;
  done: string | null;
  /** Runs it; what it throws is shown, and what it answers is said. */
  run: (act: () => Promise<unknown>, said: string) => Promise<boolean>;
};

/** Something that is asked of the server, one at a time. */
export function useDeed(): Deed {
  const say = useAdmin();
  const [state, set] = useState<{ busy: boolean; wrong: string | null; done: string | null }>({ busy: false, wrong: null, done: null });
  const running = useRef(false);
  const run = useCallback(
    async (act: () => Promise<unknown>, said: string) => {
      if (running.current) return false;
      running.current = true;
      set({ busy: true, wrong: null, done: null });
      try {
        await act();
        set({ busy: false, wrong: null, done: said });
        return true;
      } catch (error) {
        set({ busy: false, wrong: say('failed', { why: error instanceof Error ? error.message : String(error) }), done: null });
        return false;
      } finally {
        running.current = false;
      }
    },
    [say],
  );
  return { ...state, run };
}

/** How the last deed went. */
export const Went = ({ deed }: { deed: Deed }) => (
  <>
    {deed.wrong && <p className="trouble" role="alert"><Icon name="gone" /> {deed.wrong}</p>}
    <p className={deed.done ? 'went' : 'hidden'} role="status">{deed.done}</p>
  </>
);

export const Field = ({ label, children }: { label: string; children: ReactNode }) => (
  <label className="field">
    <span>{label}</span>
    {children}
  </label>
);

type TextGiven = { label: string; value: string; change: (value: string) => void; hint?: string; type?: string; required?: boolean; autoComplete?: string };

export function Text({ label, value, change, hint, type = 'text', required, autoComplete = 'off' }: TextGiven) {
  const id = useId();
  return (
    <div className="hinted">
      <Field label={label}>
        <input
          type={type} value={value} required={required} autoComplete={autoComplete} aria-describedby={hint ? id : undefined}
          onChange={(event) => change(event.target.value)}
        />
      </Field>
      {hint && <small id={id}>{hint}</small>}
    </div>
  );
}

export type Options = readonly { value: string; label: string }[];

export const Choice = ({ label, value, change, options }: { label: string; value: string; change: (value: string) => void; options: Options }) => (
  <Field label={label}>
    <select value={value} onChange={(event) => change(event.target.value)}>
      {options.map((one) => <option key={one.value} value={one.value}>{one.label}</option>)}
    </select>
  </Field>
);

type Checked = {
  valid: boolean;
  column: number | null;
  message: string | null;
  matching: number | null;
  workers: { worker_sid: string; friendly_name: string; activity_name: string | null; available: boolean }[] | null;
};
export type ExpressionContext = 'worker' | 'task' | 'target' | 'skip' | 'order';

/** Nobody, one, more. */
const MATCHES = ['expression.matches.none', 'expression.matches.one', 'expression.matches'] as const;

/** How long somebody has to stop typing before an expression is checked, in milliseconds. */
const PAUSE_MS = 250;

/** An expression that is checked while it is written: where it is wrong, and for a queue's whom it matches. */
export function ExpressionField({ label, value, change, context, empty }: {
  label: string; value: string; change: (value: string) => void; context: ExpressionContext; empty?: boolean;
}) {
  const say = useAdmin();
  const { own } = usePaths();
  const id = useId();
  const field = useRef<HTMLTextAreaElement>(null);
  const [checked, set] = useState<{ of: string; found: Checked } | null>(null);
  const skip = empty && value.trim() === '';
  useEffect(() => {
    if (skip) return;
    let there = true;
    const later = setTimeout(() => {
      post<Checked>(`${own}/Expressions/Check`, { expression: value, context }).then(
        (found) => there && set({ of: value, found }),
        () => there && set(null),
      );
    }, PAUSE_MS);
    return () => {
      there = false;
      clearTimeout(later);
    };
  }, [value, context, own, skip]);
  const found = !skip && checked?.of === value ? checked.found : null;
  const at = (found?.column ?? 1) - 1;
  const goThere = () => {
    field.current?.focus();
    field.current?.setSelectionRange(at, Math.min(at + 1, value.length));
  };
  return (
    <div className="field expression">
      <label htmlFor={id}>{label}</label>
      <textarea
        ref={field} id={id} rows={Math.min(6, Math.max(1, Math.ceil(value.length / 60)))} spellCheck={false} autoComplete="off" value={value}
        aria-invalid={found?.valid === false} aria-describedby={`${id}-found`} onChange={(event) => change(event.target.value)}
      />
      <div id={`${id}-found`} role="status" className="found-out">
        {found?.valid === false && (
          <>
            <pre className="caret" aria-hidden="true">{`${value.slice(Math.max(0, at - 30), at + 30).replaceAll('\n', ' ')}\n${' '.repeat(Math.min(at, 30))}^`}</pre>
            <p className="wrong"><Icon name="gone" size={14} /> {say('expression.wrong', { column: found.column ?? 1, message: found.message ?? '' })}</p>
          </>
        )}
        {found?.valid && found.matching === null && <p className="right"><Icon name="check" size={14} /> {say('expression.right')}</p>}
        {found?.valid && found.matching !== null && (
          <p className="right">
            <Icon name="check" size={14} /> {say(MATCHES[Math.min(found.matching, 2)] ?? 'expression.matches', { count: found.matching })}{' '}
            {(found.workers ?? []).slice(0, 12).map((one) => `${one.friendly_name} (${one.activity_name ?? '–'})`).join(', ')}
          </p>
        )}
      </div>
      {found?.valid === false && <button type="button" className="press quiet" onClick={goThere}>{say('expression.go')}</button>}
    </div>
  );
}

/** A list at the left, the chosen one at the right. */
export function Split({ label, items, chosen, choose, add, children }: {
  label: string; items: readonly { sid: string; name: string; note?: string }[]; chosen: string | null;
  choose: (sid: string | null) => void; add?: string; children: ReactNode;
}) {
  return (
    <div className="split">
      <nav aria-label={label}>
        <ul>
          {items.map((one) => (
            <li key={one.sid}>
              <button type="button" className="item" aria-current={chosen === one.sid} onClick={() => choose(one.sid)}>
                <span className="item-name">{one.name}</span>
                {one.note && <span className="item-state">{one.note}</span>}
              </button>
            </li>
          ))}
        </ul>
        {add && <button type="button" className="press primary" onClick={() => choose('new')}><span>{add}</span></button>}
      </nav>
      <section>{children}</section>
    </div>
  );
}

/** A button that asks once more before it removes something. */
export function Remove({ what, act }: { what: string; act: () => void }) {
  const say = useAdmin();
  const [sure, set] = useState(false);
  if (!sure) return <button type="button" className="press danger" onClick={() => set(true)}><span>{say('remove')}</span></button>;
  return (
    <span className="sure" role="group" aria-label={say('remove.sure', { what })}>
      <span>{say('remove.sure', { what })}</span>
      <button type="button" className="press danger" autoFocus onClick={act}><span>{say('remove.yes')}</span></button>
      <button type="button" className="press" onClick={() => set(false)}><span>{say('remove.no')}</span></button>
    </span>
  );
}

/** Loads again when asked to. */
export function useAgain(): [number, () => void] {
  const [count, set] = useState(0);
  return [count, useCallback(() => set((before) => before + 1), [])];
}
