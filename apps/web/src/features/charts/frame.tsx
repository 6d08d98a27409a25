import { useId, useState, type ReactNode } from 'react';
import { download } from '../../core/csv';
import { useChartWords } from './texts';

type Table = { head: readonly string[]; rows: readonly (readonly (string | number)[])[] };

/** A chart with its summary in words, and the same figures as a table. */
export function ChartFrame({ title, summary, table, children }: { title: string; summary: string; table: Table; children: ReactNode }) {
  const say = useChartWords();
  const id = useId();
  const [asTable, show] = useState(false);
  return (
    <section className="chart" aria-labelledby={id}>
      <header>
        <h3 id={id}>{title}</h3>
        <span className="buttons" role="group" aria-label={say('switch', { title })}>
          <button type="button" className="press" aria-pressed={!asTable} onClick={() => show(false)}><span>{say('chart')}</span></button>
          <button type="button" className="press" aria-pressed={asTable} onClick={() => show(true)}><span>{say('table')}</span></button>
          <button type="button" className="press" aria-label={say('csv.of', { title })} onClick={() => download(title.toLowerCase().replace(/[^a-z0-9]+/g, '-'), table.head, table.rows)}><span>{say('csv')}</span></button>
        </span>
      </header>
      <p className="hint">{summary}</p>
      {!asTable && children}
      {asTable && (
        <table>
          <thead><tr>{table.head.map((one, at) => <th key={one} scope="col" className={at > 0 ? 'figure' : ''}>{one}</th>)}</tr></thead>
          <tbody>
            {table.rows.map((row) => (
              <tr key={String(row[0])}>
                <th scope="row">{row[0]}</th>
                {row.slice(1).map((figure, at) => <td key={at} className="figure">{figure}</td>)}
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </section>
  );
}

/** Size of a drawing, in its own units. */
const [WIDTH, HEIGHT] = [640, 200];
/** Room for words at the right, below, and at the left. */
const [RIGHT, BELOW, LEFT] = [130, 24, 34];

export type Line = { name: string; points: readonly number[] };

/** The next round number from which on every value fits. */
export const ceiling = (value: number) => {
  const steps = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000];
  return steps.find((step) => step >= value) ?? Math.ceil(value / 10_000) * 10_000;
};

/** Lines with their names at their ends; each has its own dash, so that colour is not needed to tell them apart. */
export function Lines({ lines, label, from, to }: { lines: readonly Line[]; label: string; from: string; to: string }) {
  const top = ceiling(Math.max(1, ...lines.flatMap((line) => line.points)));
  const most = Math.max(2, ...lines.map((line) => line.points.length));
  const x = (at: number, count: number) => LEFT + ((WIDTH - LEFT - RIGHT) * (most - count + at)) / (most - 1);
  const y = (value: number) => 8 + (HEIGHT - BELOW - 8) * (1 - value / top);
  // Names keep a line's height between them.
  const ends = lines.map((line, at) => ({ at, y: y(line.points.at(-1) ?? 0) })).sort((a, b) => b.y - a.y);
  const placed = new Map<number, number>();
  let floor = HEIGHT - BELOW + 14;
  for (const end of ends) {
    floor = Math.min(end.y + 4, floor - 14);
    placed.set(end.at, floor);
  }
  return (
    <svg className="drawing" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} role="img" aria-label={label}>
      {[0, top / 2, top].map((value) => (
        <g key={value} className="grid">
          <line x1={LEFT} x2={WIDTH - RIGHT} y1={y(value)} y2={y(value)} />
          <text x={LEFT - 6} y={y(value) + 4} textAnchor="end">{Number.isInteger(value) ? value : ''}</text>
        </g>
      ))}
      <text className="axis" x={LEFT} y={HEIGHT - 6}>{from}</text>
      <text className="axis" x={WIDTH - RIGHT} y={HEIGHT - 6} textAnchor="end">{to}</text>
      {lines.map((line, at) => (
        <g key={line.name} className={`series s${at % 6}`}>
          <polyline points={line.points.map((value, i) => `${x(i, line.points.length)},${y(value)}`).join(' ')} />
          <text x={WIDTH - RIGHT + 8} y={placed.get(at)}>{line.name.length > 16 ? `${line.name.slice(0, 15)}…` : line.name}</text>
        </g>
      ))}
    </svg>
  );
}

export type Bar = { name: string; parts: readonly { name: string; value: number }[] };

/** Upright bars, side by side for each entry. */
export function Bars({ bars, label }: { bars: readonly Bar[]; label: string }) {
  const top = ceiling(Math.max(1, ...bars.flatMap((bar) => bar.parts.map((part) => part.value))));
  const wide = (WIDTH - LEFT) / Math.max(1, bars.length);
  const y = (value: number) => 8 + (HEIGHT - BELOW - 8) * (1 - value / top);
  const names = bars[0]?.parts.map((part) => part.name) ?? [];
  return (
    <>
      <svg className="drawing" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} role="img" aria-label={label}>
        {[0, top / 2, top].map((value) => (
          <g key={value} className="grid">
            <line x1={LEFT} x2={WIDTH} y1={y(value)} y2={y(value)} />
            <text x={LEFT - 6} y={y(value) + 4} textAnchor="end">{Number.isInteger(value) ? value : ''}</text>
          </g>
        ))}
        {bars.map((bar, at) => (
          <g key={bar.name}>
            {bar.parts.map((part, i) => {
              const size = (wide * 0.7) / bar.parts.length;
              const left = LEFT + wide * at + wide * 0.15 + size * i;
              return (
                <g key={part.name} className={`block b${i}`}>
                  <rect x={left} width={size - 1} y={y(part.value)} height={y(0) - y(part.value)} />
                  {part.value > 0 && <text x={left + size / 2} y={y(part.value) - 3} textAnchor="middle">{part.value}</text>}
                </g>
              );
            })}
            <text className="axis" x={LEFT + wide * (at + 0.5)} y={HEIGHT - 6} textAnchor="middle">{bar.name}</text>
          </g>
        ))}
      </svg>
      <p className="words" aria-hidden="true">{names.map((name, at) => <span key={name} className={`key b${at}`}>{name}</span>)}</p>
    </>
  );
}

/** Lying bars with name and figure. */
export function Rows({ rows, label }: { rows: readonly { name: string; value: number; note?: string }[]; label: string }) {
  const top = Math.max(1, ...rows.map((row) => row.value));
  const high = 28;
  return (
    <svg className="drawing" viewBox={`0 0 ${WIDTH} ${Math.max(1, rows.length) * high}`} role="img" aria-label={label}>
      {rows.map((row, at) => (
        <g key={row.name} className="block b0">
          <text className="axis" x={150} y={at * high + 18} textAnchor="end">{row.name.length > 20 ? `${row.name.slice(0, 19)}…` : row.name}</text>
          <rect x={160} y={at * high + 5} height={high - 10} width={Math.max(1, ((WIDTH - 220) * row.value) / top)} />
          <text x={168 + ((WIDTH - 220) * row.value) / top} y={at * high + 19}>{row.value}</text>
        </g>
      ))}
    </svg>
  );
}
