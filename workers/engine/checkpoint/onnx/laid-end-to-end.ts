/**
 * LongRoPE tables laid end to end in one: the short set's rows, then the long set's, as ONNX Runtime GenAI writes them where a graph may not
 * branch. A provider option says where the long set begins; without it, the rows themselves do, because every set begins with angles of zero.
 */
import { PhiError } from '../../../shared/errors.ts';
import { fits, tableFrequencies, type RotaryTable } from '../rope.ts';

/** Rows looked at in one go when the beginning of the second set is searched. */
const ROWS = 4096;

/** Rows `[from, from + count)` of a table as a table. */
function rowsOfTable(whole: RotaryTable, from: number, count: number): RotaryTable {
  return {
    ...whole,
    rows: count,
    row: (position) => whole.row(from + position),
    rowsFrom: (position, rows) => whole.rowsFrom(from + position, rows),
  };
}

/**
 * The table as one set or two. `announced`: where the long set begins, by a provider option; null: nothing is said.
 * `likely`: rows to look at first. Throws `unsupported-model` when the rows are neither one set nor two, or contradict what is announced.
 */
export async function splitTable(
  table: RotaryTable,
  announced: number | null,
  likely: readonly (number | null)[],
): Promise<{ short: RotaryTable; long: RotaryTable | null }> {
  const halves = (at: number) => ({ short: rowsOfTable(table, 0, at), long: rowsOfTable(table, at, table.rows - at) });
  if (announced !== null) {
    const { short, long } = halves(announced);
    if (announced >= 2 && long.rows >= 2 && (await isOneSet(short)) && (await isOneSet(long))) return { short, long };
    throw new PhiError(
      'unsupported-model',
      `${table.name}: genai_config.json says that the long rotary table begins at row ${announced}, but no table begins there. The files are of different versions; download them again.`,
    );
  }
  if (await isOneSet(table)) return { short: table, long: null };
  for (const at of [...likely, await secondBeginning(table)]) {
    if (at === null || at < 2 || table.rows - at < 2) continue;
    const { short, long } = halves(at);
    if ((await isOneSet(short)) && (await isOneSet(long))) return { short, long };
  }
  throw new PhiError(
    'unsupported-model',
    `${table.name}: the ${table.rows} rows are not the cosines and sines of one set of frequencies, nor of two sets one after the other.`,
  );
}

/** Checks that later rows follow the frequencies found from the first rows, at positions that were not used to find them. */
async function isOneSet(table: RotaryTable): Promise<boolean> {
  const first = await table.row(0);
  // The cheapest proof that a set does not begin here.
  if (first.sin.some((value) => Math.abs(value) > 2 * table.precision)) return false;
  const frequencies = await tableFrequencies(table);
  const last = table.rows - 1;
  for (const position of new Set([
    last,
    last - 1,
    Math.floor(last / 2),
    Math.floor((3 * last) / 4),
    Math.floor(last / 3),
  ]))
    if (position > 0 && !fits(frequencies, position, await table.row(position))) return false;
  return true;
}

/** The first row behind row 0 whose angles are all zero, or null. */
async function secondBeginning(table: RotaryTable): Promise<number | null> {
  for (let from = 1; from < table.rows; from += ROWS) {
    const count = Math.min(ROWS, table.rows - from);
    const { sin } = await table.rowsFrom(from, count);
    for (let row = 0; row < count; row++) {
      const angles = sin.subarray(row * table.half, (row + 1) * table.half);
      if (angles.every((value) => Math.abs(value) <= 2 * table.precision)) return from + row;
    }
  }
  return null;
}
