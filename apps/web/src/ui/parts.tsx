import { useEffect, useId, useRef, type ButtonHTMLAttributes, type ReactNode } from 'react';
import type { DeskCall } from '../api/desk.gen';
import { useHere } from '../app/context';
import type { Action } from '../core/actions';
import { spoken, written } from '../core/keys';
import { serverNow } from '../core/stream';
import { duration, useNow } from '../core/time';
import { useWords } from '../i18n';
import { Icon, type IconName } from './icons';

export type Tone = 'grey' | 'blue' | 'violet' | 'orange' | 'red' | 'green';

export function Badge({ tone, icon, children }: { tone: Tone; icon?: IconName; children: ReactNode }) {
  return (
    <span className={`badge ${tone}`}>
      {icon && <Icon name={icon} size={13} />}
      {children}
    </span>
  );
}

/** Time since `since`, ticking; silent for screen readers, who ask for it. */
export function Clock({ since }: { since: string }) {
  const now = useNow();
  return (
    <span className="clock" role="timer" aria-live="off">
      {duration(now - Date.parse(since))}
    </span>
  );
}

/** Time until `until`. */
export function useLeft(until: string | null): number {
  const now = useNow();
  return until ? Math.max(0, Date.parse(until) - now) : 0;
}

/** How much of a wait has passed. */
export function Meter({ since, until, tone }: { since: string; until: string; tone: Tone }) {
  const now = useNow();
  const [from, to] = [Date.parse(since), Date.parse(until)];
  const part = to > from ? Math.min(1, Math.max(0, (now - from) / (to - from))) : 1;
  return (
    <span className={`meter ${tone}`} aria-hidden="true">
      <span style={{ transform: `scaleX(${part})` }} />
    </span>
  );
}

type Button = ButtonHTMLAttributes<HTMLButtonElement> & { icon?: IconName; tone?: 'plain' | 'primary' | 'danger' | 'quiet' };

export function Press({ icon, tone = 'plain', children, className = '', ...rest }: Button) {
  return (
    <button type="button" className={`press ${tone} ${className}`} {...rest}>
      {icon && <Icon name={icon} />}
      <span>{children}</span>
    </button>
  );
}

type OfAction = { action: Action; call?: DeskCall; icon?: IconName; tone?: Button['tone']; pressed?: boolean };

/** A button of a registered action; it shows its shortcut where one presses it. */
export function Do({ action, call, icon, tone, pressed }: OfAction) {
  const here = useHere();
  const { say } = useWords();
  const { key, values } = action.label(here.desk, call);
  const busy = call ? here.pending.has(call.reservation_sid) : false;
  const born = useRef(serverNow());
  return (
    <Press
      {...(icon ? { icon } : {})}
      {...(tone ? { tone } : {})}
      {...(pressed === undefined ? {} : { 'aria-pressed': pressed })}
      {...(action.keys ? { title: `${say(key, values)} (${written(action.keys)})`, 'aria-keyshortcuts': spoken(action.keys) } : {})}
      aria-disabled={busy}
      onClick={() => {
        // A row just shown ignores the hand that was on its way to another.
        if (!busy && serverNow() - born.current > 300) void action.run(here, call);
      }}
    >
      {say(key, values)}
    </Press>
  );
}

export function Dialog({ title, children, wide }: { title: string; children: ReactNode; wide?: boolean }) {
  const here = useHere();
  const { say } = useWords();
  const ref = useRef<HTMLDialogElement>(null);
  const id = useId();
  useEffect(() => {
    const before = document.activeElement as HTMLElement | null;
    const dialog = ref.current;
    if (dialog && !dialog.open) dialog.showModal();
    dialog?.querySelector<HTMLElement>('[data-first]')?.focus();
    return () => before?.focus?.();
  }, []);
  return (
    <dialog
      ref={ref}
      className={wide ? 'wide' : ''}
      aria-labelledby={id}
      onClose={() => here.open(null)}
      onClick={(event) => event.target === ref.current && here.open(null)}
    >
      <div className="dialog">
        <header>
          <h2 id={id}>{title}</h2>
          <button type="button" className="sign" aria-label={say('action.close')} onClick={() => here.open(null)}>
            <Icon name="close" />
          </button>
        </header>
        {children}
      </div>
    </dialog>
  );
}

export function Trouble({ where }: { where: string }) {
  const { trouble, forget } = useHere();
  const { say } = useWords();
  if (trouble?.where !== where) return null;
  return (
    <p className="trouble" role="alert">
      <Icon name="gone" /> {trouble.text}
      <button type="button" className="sign" aria-label={say('action.close')} onClick={forget}>
        <Icon name="close" size={14} />
      </button>
    </p>
  );
}
