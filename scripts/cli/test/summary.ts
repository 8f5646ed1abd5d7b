/** The last lines of a run: where the time went, what needed a second try, and what was skipped and why. */

/** One test as it ended. */
export interface TestRecord {
  file: string;
  name: string;
  state: 'passed' | 'failed' | 'skipped';
  ms: number;
  /** Tries after the first. */
  retries: number;
  /** Why it was skipped. */
  note?: string;
}

/** A step of the run, e.g. `lint`. */
export interface StepTime {
  name: string;
  ms: number;
}

const SLOWEST = 20;
const seconds = (ms: number): string => `${(ms / 1000).toFixed(1).padStart(7)} s`;
const titled = ({ file, name }: TestRecord): string => `${file} > ${name}`;

function section(title: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : ['', title, ...lines.map((line) => `  ${line}`)];
}

/** Skipped tests by their reason, one line each. */
function reasons(records: readonly TestRecord[]): string[] {
  const counts = new Map<string, { count: number; first: TestRecord }>();
  for (const record of records.filter(({ state }) => state === 'skipped')) {
    const note = record.note ?? `no reason given: ${titled(record)}`;
    const known = counts.get(note);
    if (known) known.count++;
    else counts.set(note, { count: 1, first: record });
  }
  return [...counts].map(([note, { count, first }]) => `${count} in ${first.file}: ${note}`);
}

/** Lines in the order in which they are printed; none of a kind, no title for it. */
export function summary(steps: readonly StepTime[], records: readonly TestRecord[]): string[] {
  const slowest = records.toSorted((a, b) => b.ms - a.ms).slice(0, SLOWEST);
  const retried = records.filter(({ retries, state }) => retries > 0 && state !== 'skipped');
  const outcome = ({ state, retries }: TestRecord): string =>
    state === 'passed' ? `passed at try ${retries + 1}` : `failed ${retries + 1} times`;
  return [
    ...section(
      'Where the time went:',
      steps.map(({ name, ms }) => `${seconds(ms)}  ${name}`),
    ),
    ...section(
      `The slowest ${slowest.length} tests:`,
      slowest.map((one) => `${seconds(one.ms)}  ${titled(one)}`),
    ),
    ...section(
      `Needed more than one try: ${retried.length}`,
      retried.map((one) => `${titled(one)}: ${outcome(one)}`),
    ),
    ...section('Skipped, and why:', reasons(records)),
  ];
}
