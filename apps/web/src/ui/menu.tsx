import { useEffect, useRef, type ReactNode } from 'react';

/** A menu that opens below its name; Escape closes it and goes back there, and so does a press beside it. */
export function Menu({ name, className = '', children }: { name: ReactNode; className?: string; children: ReactNode }) {
  const ref = useRef<HTMLDetailsElement>(null);
  useEffect(() => {
    const menu = ref.current;
    if (!menu) return;
    const beside = (event: Event) => {
      if (menu.open && !menu.contains(event.target as Node)) menu.open = false;
    };
    const escape = (event: KeyboardEvent) => {
      if (event.key !== 'Escape' || !menu.open) return;
      menu.open = false;
      if (menu.contains(document.activeElement)) menu.querySelector('summary')?.focus();
    };
    document.addEventListener('pointerdown', beside);
    document.addEventListener('focusin', beside);
    document.addEventListener('keydown', escape);
    return () => {
      document.removeEventListener('pointerdown', beside);
      document.removeEventListener('focusin', beside);
      document.removeEventListener('keydown', escape);
    };
  }, []);
  return (
    <details ref={ref} className={`menu ${className}`}>
      <summary>{name}</summary>
      <div className="menu-body">{children}</div>
    </details>
  );
}
