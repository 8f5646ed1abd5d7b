/** Results of other programs in the format of this page: what they have not stays null. */
import type { Figure } from '../figure.ts';
import { headlineLength } from '../plan.ts';
import { FORMAT, LIMITS, VERSION, type CompareResult, type Measured, type Row } from '../result.ts';
import { askedOf, ROW_DEFAULTS } from '../row-defaults.ts';
import { UNKNOWN } from '../server-row.ts';

/** A file of another program holds more raw data than one of ours. */
export const LARGEST_FOREIGN_BYTES = 32e6;

/** A name as results have it. */
export const nameIn = (text: string): string => text.trim().slice(0, LIMITS.name);

/** To the minute, as results are; the beginning of time where the file has no date. */
export function minuteOf(date: string | undefined): string {
  const time = new Date(date ?? NaN);
  return `${(Number.isNaN(time.getTime()) ? new Date(0) : time).toISOString().slice(0, 16)}Z`;
}

/** A row of another program, with what it says of itself. */
export const foreignRow = (
  known: Pick<Measured, 'label' | 'device' | 'kind' | 'form' | 'model'> & Partial<Measured>,
): Measured => ({
  ...ROW_DEFAULTS,
  ...UNKNOWN,
  backend: 'native',
  asked: askedOf(known.backend ?? 'native'),
  ttftMs: null,
  prefillTokensPerSecond: null,
  decodeTokensPerSecond: null,
  decodeAtEndTokensPerSecond: null,
  lengths: [],
  reply: [],
  traces: [],
  ...known,
});

export interface ForeignFile {
  source: { tool: string; version: string };
  date: string;
  machine: Partial<CompareResult['machine']> & { browser: string };
  /** Bytes of each model by its name; 0 where the file does not say. */
  bytes: ReadonlyMap<string, number>;
  rows: Row[];
  promptTokens: number[];
  decodeTokens: number;
  rounds: number;
}

/** One result: of the model that most rows ran. Rows of other models are marked. */
export function foreignResult(file: ForeignFile): CompareResult {
  const models = file.rows.flatMap((row) => ('model' in row ? [row.model] : []));
  const count = (name: string) => models.filter((other) => other === name).length;
  const name = [...new Set(models)].sort((a, b) => count(b) - count(a))[0] ?? 'unknown';
  return {
    format: FORMAT,
    version: VERSION,
    date: file.date,
    source: file.source,
    model: { name, bytes: file.bytes.get(name) ?? 0, fingerprint: null, context: null },
    machine: { system: '', adapter: null, cores: null, memoryGigabytes: null, isolated: false, ...file.machine },
    settings: {
      setting: 'imported',
      promptTokens: file.promptTokens.slice(0, LIMITS.lengths),
      headlineTokens: headlineLength(file.promptTokens),
      decodeTokens: file.decodeTokens,
      rounds: file.rounds,
      loads: 0,
      contextLength: 0,
      shuffled: false,
      cancelled: false,
    },
    reference: null,
    rows: file.rows
      .slice(0, LIMITS.rows)
      .map((row) => ('model' in row ? { ...row, otherModel: row.model !== name } : row)),
  };
}

/** The time that a prompt of `tokens` takes at a rate: the fastest round of one is the slowest of the other. */
export function timeOfRate(tokens: number, { median, spread, rounds }: Figure): Figure {
  const ms = (rate: number) => (1000 * tokens) / Math.max(rate, 1e-9);
  const [slow, fast] = [Math.max(median - spread / 2, median / 10), median + spread / 2];
  return { median: ms(median), spread: ms(slow) - ms(fast), rounds };
}
