/** A line of a comparison: in both texts, only in the old one, or only in the new one. */
export type Compared = { is: 'same' | 'gone' | 'new'; text: string };

/** Lines that are compared; of longer texts all of the old and all of the new is shown. */
const LINES_MAX = 2000;

/** What became of one text in another, line by line: the longest common lines stay. */
export function compared(before: string, after: string): Compared[] {
  const [a, b] = [before.split('\n'), after.split('\n')];
  const all = (is: Compared['is'], lines: string[]) => lines.map((text) => ({ is, text }));
  let [head, tail] = [0, 0];
  while (head < a.length && head < b.length && a[head] === b[head]) head += 1;
  while (tail < a.length - head && tail < b.length - head && a[a.length - 1 - tail] === b[b.length - 1 - tail]) tail += 1;
  const [left, right] = [a.slice(head, a.length - tail), b.slice(head, b.length - tail)];
  return [...all('same', a.slice(0, head)), ...between(left, right, all), ...all('same', a.slice(a.length - tail))];
}

function between(a: string[], b: string[], all: (is: Compared['is'], lines: string[]) => Compared[]): Compared[] {
  if (a.length > LINES_MAX || b.length > LINES_MAX) return [...all('gone', a), ...all('new', b)];
  const width = b.length + 1;
  // How many lines the rests have in common.
  const common = new Uint16Array((a.length + 1) * width);
  const at = (i: number, j: number) => common[i * width + j] ?? 0;
  for (let i = a.length - 1; i >= 0; i -= 1) {
    for (let j = b.length - 1; j >= 0; j -= 1) common[i * width + j] = a[i] === b[j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1));
  }
  const found: Compared[] = [];
  let [i, j] = [0, 0];
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && a[i] === b[j]) {
      found.push({ is: 'same', text: a[i] ?? '' });
      [i, j] = [i + 1, j + 1];
    } else if (i < a.length && (j === b.length || at(i + 1, j) >= at(i, j + 1))) {
      found.push({ is: 'gone', text: a[i] ?? '' });
      i += 1;
    } else {
      found.push({ is: 'new', text: b[j] ?? '' });
      j += 1;
    }
  }
  return found;
}

/** The changes with so many lines around each; what is left out between is null. */
export function changes(lines: readonly Compared[], around = 2): (Compared | null)[] {
  const shown = lines.map((_, at) => lines.slice(Math.max(0, at - around), at + around + 1).some((one) => one.is !== 'same'));
  return lines.flatMap((line, at) => (shown[at] ? [line] : shown[at - 1] ? [null] : []));
}
