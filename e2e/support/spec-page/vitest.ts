/** What unit tests import of vitest, for a page: tests are collected, and run one after another by `runAll`. */
import { JestAsymmetricMatchers, JestChaiExpect, JestExtend } from '@vitest/expect';
import * as chai from 'chai';

export interface Outcome {
  name: string;
  /** Null: the test passed. */
  error: string | null;
}

type Body = (...args: unknown[]) => unknown;

const TEST_TIMEOUT_MS = 30_000;
const POLL_MS = 10;
const tests: { name: string; body: () => unknown }[] = [];
const sections: string[] = [];

export function describe(name: string, body: () => void): void {
  sections.push(name);
  body();
  sections.pop();
}

export function it(name: string, body: () => unknown): void {
  tests.push({ name: [...sections, name].join(' > '), body });
}

it.each =
  (rows: readonly unknown[]) =>
  (name: string, body: Body): void =>
    rows.forEach((row, i) =>
      it(`${name} #${i + 1}`, () => (Array.isArray(row) ? body(...(row as unknown[])) : body(row))),
    );

for (const plugin of [JestExtend, JestChaiExpect, JestAsymmetricMatchers]) chai.use(plugin);

const expectValue = (value: unknown): Chai.Assertion => chai.expect(value);

/** Asks until what is expected of it is true. Only `toBe`. */
const poll = (read: () => unknown) => ({
  async toBe(wanted: unknown): Promise<void> {
    const end = performance.now() + TEST_TIMEOUT_MS;
    while ((await read()) !== wanted && performance.now() < end) await new Promise((done) => setTimeout(done, POLL_MS));
    chai.expect(await read()).to.equal(wanted);
  },
});

export const expect = Object.assign(expectValue, { poll });

/** Runs what was collected; a test that hangs fails. */
export async function runAll(): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  for (const { name, body } of tests) {
    const late = new Promise((_, reject) => setTimeout(() => reject(new Error('It did not end.')), TEST_TIMEOUT_MS));
    const error = await Promise.race([Promise.resolve().then(body), late]).then(
      () => null,
      (cause: unknown) => (cause instanceof Error ? `${cause.message}\n${cause.stack}` : String(cause)),
    );
    outcomes.push({ name, error });
  }
  return outcomes;
}
