import { gzipSync } from 'node:zlib';

/** What of a bundle is looked at: Rollup's, as far as it matters here. */
type Output = Record<string, { type: 'chunk'; code: string; isEntry: boolean; imports: string[]; viteMetadata?: { importedCss: Set<string> } } | { type: 'asset'; source: string | Uint8Array }>;

/** Bytes that are loaded before a page shows anything, each file compressed: its entry, what that imports, and their styles. */
export function firstLoad(output: Output): number {
  const wanted = new Set<string>();
  const add = (name: string) => {
    const file = output[name];
    if (!file || wanted.has(name)) return;
    wanted.add(name);
    if (file.type !== 'chunk') return;
    for (const other of [...file.imports, ...(file.viteMetadata?.importedCss ?? [])]) add(other);
  };
  for (const [name, file] of Object.entries(output)) if (file.type === 'chunk' && file.isEntry) add(name);
  let bytes = 0;
  for (const name of wanted) {
    const file = output[name]!;
    bytes += gzipSync(file.type === 'chunk' ? file.code : file.source).length;
  }
  return bytes;
}

/** Fails a build whose first load is larger than so many kilobytes. */
export const budget = (most: number) => ({
  name: 'budget',
  writeBundle(_: unknown, output: unknown) {
    const kilobytes = firstLoad(output as Output) / 1000;
    if (kilobytes === 0 || kilobytes > most) throw new Error(`the first load is ${kilobytes.toFixed(1)} kB, and may be up to ${most} kB`);
    console.info(`first load: ${kilobytes.toFixed(1)} kB of ${most} kB`);
  },
});
