/**
 * Results for backends and weight formats on this device, kept in IndexedDB. A key begins with what it holds for (this
 * app's code, the browser, the adapter): when one of these changes, nothing is found and everything is tried anew.
 *
 * `trying` is written before something is tried that may take this very process with it (int4 blocks on LiteRT did). Found again later, with no
 * tab left that is trying, it means: tried, did not come back.
 */
import { PhiError } from '../../shared/errors.ts';
import { REASONS } from '../../shared/reasons.ts';
import { Table } from '../../shared/database.ts';

export type ProbeResult =
  { state: 'trying' } | { state: 'good'; ms?: number; logprobs?: number[] } | { state: 'bad'; why: string };

type Records = Pick<Table<unknown>, 'get' | 'set' | 'delete' | 'entries' | 'deleteAll'>;

export const NOT_BACK = `an earlier attempt ${REASONS.notBack}, because its process crashed. It is not tried again in this version of the browser.`;

export class ProbeMemory {
  readonly #records: Records;
  readonly #prefix: string;
  readonly #forgive: boolean;

  /** `forgive`: the page was left in order the last time, so what was being tried then proves nothing. */
  constructor(prefix: string, forgive: boolean, records: Records = new Table<unknown>('phi-probes')) {
    this.#prefix = prefix;
    this.#forgive = forgive;
    this.#records = records;
  }

  /** The results for this browser and this code. Results of other versions are dropped. */
  static async open(forgive: boolean): Promise<ProbeMemory> {
    const records = new Table<unknown>('phi-probes');
    const prefix = `${codeVersion()}|${await browserVersion()}|`;
    const old = (await records.entries()).map(([key]) => key).filter((key) => !key.startsWith(prefix));
    if (old.length > 0) await records.delete(old);
    return new ProbeMemory(prefix, forgive, records);
  }

  /** null: nothing is known. */
  async recall(key: string): Promise<Exclude<ProbeResult, { state: 'trying' }> | null> {
    const found = parseFinding(await this.#records.get(this.#prefix + key));
    if (found?.state !== 'trying') return found;
    if (this.#forgive || (await isHeld(lockName(key)))) return null;
    return { state: 'bad', why: NOT_BACK };
  }

  /**
   * Runs `work` and keeps what it finds. `risky`: with `trying` on the disk meanwhile. An error is kept when `isFinal` says that it would be the same
   * the next time; else nothing is.
   */
  async attempt<T>(
    key: string,
    { risky, isFinal }: { risky: boolean; isFinal: (error: PhiError) => boolean },
    work: () => Promise<{ value: T; result: ProbeResult }>,
  ): Promise<T> {
    const full = this.#prefix + key;
    return holding(lockName(key), async () => {
      if (risky) await this.#records.set(full, { state: 'trying' } satisfies ProbeResult);
      try {
        const { value, result } = await work();
        await this.#records.set(full, result);
        return value;
      } catch (cause) {
        const error = PhiError.from(cause, 'backend');
        if (isFinal(error)) await this.#records.set(full, { state: 'bad', why: error.message } satisfies ProbeResult);
        else await this.#records.delete([full]);
        throw error;
      }
    });
  }

  async forgetAll(): Promise<void> {
    await this.#records.deleteAll('');
  }
}

/** The same code has the same worker script: its name carries a hash of all that it loads, ONNX Runtime included. */
export const codeVersion = (): string => globalThis.location.pathname.split('/').at(-1)!;

interface AgentData {
  getHighEntropyValues(
    hints: string[],
  ): Promise<{ fullVersionList?: { brand: string; version: string }[]; platformVersion?: string }>;
}

/** The parts of `navigator` used here, if the browser has them in this thread. */
const agent = () => navigator as unknown as { userAgent: string; userAgentData?: AgentData; locks?: LockManager };

/** Includes the build number and the system's version if the browser reports them, because either may bring other drivers. */
async function browserVersion(): Promise<string> {
  const { userAgentData, userAgent } = agent();
  if (!userAgentData) return userAgent;
  const { fullVersionList = [], platformVersion = '' } = await userAgentData.getHighEntropyValues([
    'fullVersionList',
    'platformVersion',
  ]);
  return [
    userAgent,
    ...fullVersionList.map(({ brand, version }) => `${brand} ${version}`).sort(),
    platformVersion,
  ].join(' ');
}

/** The stored value may come from another version, or be damaged. */
export function parseFinding(value: unknown): ProbeResult | null {
  if (typeof value !== 'object' || value === null) return null;
  const { state, why, ms, logprobs } = value as Record<string, unknown>;
  if (state === 'trying') return { state };
  if (state === 'bad' && typeof why === 'string') return { state, why };
  if (state !== 'good') return null;
  const numbers = Array.isArray(logprobs) && logprobs.every((one) => typeof one === 'number') ? logprobs : undefined;
  return { state, ...(typeof ms === 'number' && { ms }), ...(numbers && { logprobs: numbers }) };
}

const lockName = (key: string) => `phi-trying ${key}`;

/** A lock ends with the worker that holds it, however that ends; shared, because two tabs may try the same. */
async function holding<T>(name: string, work: () => Promise<T>): Promise<T> {
  const { locks } = agent();
  return locks ? locks.request(name, { mode: 'shared' }, work) : work();
}

async function isHeld(name: string): Promise<boolean> {
  const held = await agent().locks?.query();
  return held?.held?.some((lock) => lock.name === name) ?? false;
}
