import { fireEvent, render, screen } from '@testing-library/react';
import { expect, test } from 'vitest';
import { Menu } from './menu';

test('a menu is closed by Escape, which goes back to its name, and by a press beside it', () => {
  render(<><Menu name="Ana"><button type="button">Sign out</button></Menu><p>Elsewhere</p></>);
  const menu = document.querySelector('details')!;
  const out = screen.getByRole('button', { name: 'Sign out', hidden: true });
  menu.open = true;
  fireEvent.pointerDown(out);
  expect(menu.open).toBe(true);
  fireEvent.pointerDown(screen.getByText('Elsewhere'));
  expect(menu.open).toBe(false);
  menu.open = true;
  out.focus();
  fireEvent.keyDown(out, { key: 'a' });
  expect(menu.open).toBe(true);
  fireEvent.keyDown(out, { key: 'Escape' });
  expect(menu.open).toBe(false);
  expect(document.activeElement).toBe(menu.querySelector('summary'));
});
