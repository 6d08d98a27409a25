export type Cell = string | number | null | undefined;

/** Begins a cell that a spreadsheet would take for a formula. */
const FORMULA = /^[=+\-@\t\r]/;

function cell(value: Cell): string {
  const raw = value === null || value === undefined ? '' : String(value);
  const text = typeof value === 'string' && FORMULA.test(raw) && Number.isNaN(Number(raw)) ? `'${raw}` : raw;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** A table as RFC 4180 has it. Texts of callers are no formulas: those get a quote in front. */
export const csv = (head: readonly string[], rows: readonly (readonly Cell[])[]) =>
  [head, ...rows].map((row) => `${row.map(cell).join(',')}\r\n`).join('');

/** Gives the table to the browser as a file with today's date in its name. */
export function download(name: string, head: readonly string[], rows: readonly (readonly Cell[])[]) {
  // The mark tells spreadsheets that it is UTF-8.
  const url = URL.createObjectURL(new Blob(['\ufeff', csv(head, rows)], { type: 'text/csv;charset=utf-8' }));
  const link = Object.assign(document.createElement('a'), { href: url, download: `${name}-${new Date().toISOString().slice(0, 10)}.csv` });
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 1000);
}

/** The rows of such a text, its first one included; empty lines are left out. */
export function rowsOf(text: string): string[][] {
  const rows: string[][] = [];
  let row: string[] = [];
  let value = '';
  let quoted = false;
  const end = () => {
    row.push(value);
    if (row.length > 1 || row[0] !== '') rows.push(row);
    [row, value] = [[], ''];
  };
  const all = text.replace(/^\ufeff/, '');
  for (let at = 0; at < all.length; at += 1) {
    const letter = all[at] ?? '';
    if (quoted) {
      if (letter !== '"') value += letter;
      else if (all[at + 1] === '"') [value, at] = [`${value}"`, at + 1];
      else quoted = false;
    } else if (letter === '"' && value === '') quoted = true;
    else if (letter === ',' || letter === ';') {
      row.push(value);
      value = '';
    } else if (letter === '\n') end();
    else if (letter !== '\r') value += letter;
  }
  if (value !== '' || row.length > 0) end();
  return rows;
}
