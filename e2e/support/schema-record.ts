/** A run with many schemas in slices: each slice adds its figures to a file, and the sum over all slices is printed. */
import { appendFile, mkdir, readFile } from 'node:fs/promises';
import { dirname } from 'node:path';

/** Schemas with one model. */
export interface Written {
  valid: number;
  /** The shortest value is longer than the reply may be. */
  refused: number;
  tokens: number;
  forced: number;
  masks: number;
  maskMs: number;
}

interface Line extends Written {
  /** Schemas of the whole run. */
  run: number;
  model: string;
  backend: string;
  slice: string;
}

const FILE = '.cache/schemas.jsonl';

/** `PHI_SLICE=2/10`: the second of ten slices of each model's schemas. */
export function sliceOf(first: number, count: number, slice = process.env['PHI_SLICE'] ?? '1/1') {
  const [number, of] = slice.split('/').map(Number) as [number, number];
  if (!(Number.isInteger(number) && Number.isInteger(of) && 1 <= number && number <= of))
    throw new Error(`PHI_SLICE is "${slice}". It must be like 2/10: the second of ten.`);
  const from = Math.floor((count * (number - 1)) / of);
  return { slice, from: first + from, to: first + Math.floor((count * number) / of) };
}

export async function record(line: Line): Promise<void> {
  await mkdir(dirname(FILE), { recursive: true });
  await appendFile(FILE, `${JSON.stringify(line)}\n`);
}

/** What all slices of a run of `count` schemas on a backend came to. A slice that ran twice counts once. */
export async function sumUp(count: number, backend: string): Promise<string> {
  const lines = (await readFile(FILE, 'utf8').catch(() => '')).split('\n').filter((line) => line !== '');
  const of = [
    ...new Map(
      lines
        .map((line) => JSON.parse(line) as Line)
        .filter((line) => line.run === count && line.backend === backend)
        .map((line) => [`${line.model} ${line.slice}`, line]),
    ).values(),
  ];
  const sum = (key: keyof Written) => of.reduce((total, line) => total + line[key], 0);
  return (
    `${sum('valid')} valid and ${sum('refused')} refused on ${backend} in ${of.length} slices of models; ` +
    `${sum('tokens')} tokens, ${sum('forced')} of them certain; ${sum('masks')} masks in ${Math.round(sum('maskMs'))} ms`
  );
}
