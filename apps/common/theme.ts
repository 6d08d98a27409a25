export type Theme = 'system' | 'light' | 'dark';
export const THEMES: readonly Theme[] = ['system', 'light', 'dark'];
/** The choice of one page is the other's too. */
const KEPT = 'tandem.theme';

export const themeNow = (): Theme => (localStorage.getItem(KEPT) as Theme | null) ?? 'system';

export function chooseTheme(theme: Theme) {
  localStorage.setItem(KEPT, theme);
  applyTheme();
}

export function applyTheme() {
  const theme = themeNow();
  if (theme === 'system') delete document.documentElement.dataset['theme'];
  else document.documentElement.dataset['theme'] = theme;
}
