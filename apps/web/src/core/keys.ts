/** A shortcut: `Mod+Shift+KeyA`, by physical key. `Mod` is Cmd on a Mac, Ctrl elsewhere. */
export type Keys = string;

const mac = typeof navigator !== 'undefined' && /Mac|iPhone|iPad/.test(navigator.platform);

/** Whether a key press is this shortcut. */
export function pressed(event: KeyboardEvent, keys: Keys): boolean {
  const parts = keys.split('+');
  const code = parts.at(-1);
  const mod = mac ? event.metaKey : event.ctrlKey;
  return event.code === code && mod === parts.includes('Mod') && event.shiftKey === parts.includes('Shift') && !event.altKey;
}

/** As it is written on buttons. */
export function written(keys: Keys): string {
  const name = (part: string) => {
    if (part === 'Mod') return mac ? '⌘' : 'Ctrl';
    if (part === 'Shift') return mac ? '⇧' : 'Shift';
    return part.replace(/^Key|^Digit/, '').replace('ArrowUp', '↑').replace('ArrowDown', '↓').replace('Slash', '/');
  };
  return keys.split('+').map(name).join(mac ? '' : '+');
}

/** As assistive technology reads it (`aria-keyshortcuts`). */
export function spoken(keys: Keys): string {
  return keys
    .split('+')
    .map((part) => (part === 'Mod' ? (mac ? 'Meta' : 'Control') : part.replace(/^Key|^Digit/, '')))
    .join('+');
}
