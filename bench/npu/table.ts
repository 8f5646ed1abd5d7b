/** Sums up the rows: a printed table, and the speed that a person would notice. */
import type { NpuRow } from './rows.ts';

export interface NpuTable {
  date: string;
  versions: Readonly<Record<string, string>>;
  rows: NpuRow[];
}

const keyOf = ({ model, form, width, slots, device }: NpuRow) => [model, form, width, slots, device].join(' ');

/** The table with these rows. A row replaces one of the same graph and device. */
export function withRows(table: NpuTable | null, { date, versions, rows }: NpuTable): NpuTable {
  const fresh = new Set(rows.map(keyOf));
  return { date, versions, rows: [...(table?.rows.filter((row) => !fresh.has(keyOf(row))) ?? []), ...rows] };
}

/** Estimated time of a whole model's run: a piece's estimate times how many pieces the model has. */
const modelMs = ({ estimatedMs, pieces }: Pick<NpuRow, 'estimatedMs' | 'pieces'>): number | null =>
  estimatedMs === null ? null : estimatedMs * pieces;

/** Tokens a second, one token a run. */
export function decodeRate(row: Pick<NpuRow, 'estimatedMs' | 'pieces'>): number | null {
  const ms = modelMs(row);
  return ms === null ? null : 1000 / ms;
}

/**
 * Time to the first of `tokens`, in ms, by runs of the widest graph and a last one with the head. The browser and the driver add to it.
 *
 * @param rows of one model, form and device
 */
export function timeToFirst(rows: readonly NpuRow[], tokens: number): number | null {
  const usable = rows.filter(({ estimatedMs }) => estimatedMs !== null).sort((a, b) => a.width - b.width);
  const [narrow] = usable;
  const wide = usable.at(-1);
  if (!narrow || !wide) return null;
  const before = Math.max(0, tokens - narrow.width);
  return Math.ceil(before / wide.width) * modelMs(wide)! + modelMs(narrow)!;
}

const number = (value: number | null, digits: number) => (value === null ? '-' : value.toFixed(digits));

/** Prints the rows, and below them what they mean for each device. */
export function printTable(rows: readonly NpuRow[]): void {
  console.log('| model | form | tokens | slots | device | whole | estimated ms | MB | compiled in s |');
  console.log('| --- | --- | --- | --- | --- | --- | --- | --- | --- |');
  for (const row of rows) {
    const cells = [row.model, row.form, row.width, row.slots, row.device, row.whole ? 'yes' : 'no'];
    const figures = [number(row.estimatedMs, 3), number(row.blobBytes / 1e6, 1), number(row.compileMs / 1000, 1)];
    console.log(`| ${[...cells, ...figures].join(' | ')} |`);
  }
  for (const row of rows) {
    if (!row.whole)
      console.log(`${row.model} ${row.form} ${row.width} on ${row.device} is refused: ${row.refused.join('; ')}`);
    if (row.text) {
      const { difference, largest, sure, kept, nll, nllRise } = row.text;
      console.log(
        `${row.model} ${row.form} on ${row.device}, every row: logits up to ${largest.toFixed(2)}, difference ${number(difference, 4)}, ` +
          `${kept} of ${sure} sure tokens kept, NLL ${number(nll, 4)} (${number(nllRise, 4)} above the CPU's)`,
      );
    }
    if (row.asBrowser) {
      const { whole, estimatedMs, blobBytes, refused } = row.asBrowser;
      const figures = `estimated ${number(estimatedMs, 3)} ms, ${number(blobBytes / 1e6, 1)} MB`;
      console.log(
        `${row.model} ${row.form} ${row.width} on ${row.device}, as a browser hands it on: ${whole ? figures : refused.join('; ')}`,
      );
    }
    for (const [name, { largest, difference }] of Object.entries(row.differences ?? {}))
      console.log(
        `${row.model} ${row.form} on ${row.device}, ${name}: largest ${largest.toFixed(2)}, difference ${number(difference, 4)}`,
      );
  }
  for (const [key, group] of groups(rows)) {
    const narrow = group.toSorted((a, b) => a.width - b.width)[0]!;
    if (decodeRate(narrow) === null) continue;
    const first = [40, 512, 2048].map((tokens) => `${tokens}: ${number(timeToFirst(group, tokens), 0)} ms`);
    console.log(
      `${key}: ${number(decodeRate(narrow), 1)} tok/s over ${narrow.slots} slots, first token after ${first.join(', ')} (estimated by Intel's compiler)`,
    );
  }
}

function groups(rows: readonly NpuRow[]): Map<string, NpuRow[]> {
  const found = new Map<string, NpuRow[]>();
  for (const row of rows) {
    const key = `${row.model} ${row.form} ${row.device}`;
    found.set(key, [...(found.get(key) ?? []), row]);
  }
  return found;
}
