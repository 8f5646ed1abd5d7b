/** A stopwatch of the tests' own around the compare page: it sees requests leave and tokens arrive, and knows nothing of the page's figures. */
import type { Page } from 'playwright';

interface Seen {
  at: number;
  /** null: a reply was asked for. */
  tokens: number | null;
}
type Watched = Window & { seen: Seen[]; tests: number[][] };

/** Runs in the page, before its code. */
function watch(): void {
  const seen: Seen[] = [];
  const tests: number[][] = [];
  Object.assign(window, { seen, tests });
  const tokensIn = (value: unknown): number | null => {
    if (typeof value !== 'object' || value === null) return null;
    if ('tokens' in value && 'text' in value) return Number(value.tokens);
    return Object.values(value).reduce<number | null>((found, inner) => found ?? tokensIn(inner), null);
  };
  const listen = Reflect.get(MessagePort.prototype, 'addEventListener') as (...args: unknown[]) => void;
  Reflect.set(MessagePort.prototype, 'addEventListener', function (this: MessagePort, ...args: unknown[]) {
    const note = (event: MessageEvent) => {
      // A round of a speed test is over: a call of the one callback that takes a number.
      const { type, argumentList: values } = (event.data ?? {}) as {
        type?: string;
        argumentList?: { value: unknown }[];
      };
      if (type === 'APPLY' && values?.length === 1 && typeof values[0]!.value === 'number')
        tests.at(-1)?.push(performance.now());
      const tokens = tokensIn(event.data);
      if (tokens !== null) seen.push({ at: performance.now(), tokens });
    };
    listen.call(this, 'message', note);
    listen.apply(this, args);
  });
  const post = Reflect.get(Worker.prototype, 'postMessage') as (...args: unknown[]) => void;
  Reflect.set(Worker.prototype, 'postMessage', function (this: Worker, ...args: unknown[]) {
    const { path } = args[0] as { path?: string[] };
    if (path?.at(-1) === 'reply') seen.push({ at: performance.now(), tokens: null });
    if (path?.at(-1) === 'speedTest') tests.push([]);
    post.apply(this, args);
  });
}

export const watchReplies = (page: Page): Promise<unknown> => page.addInitScript(watch);

export interface OutsideTiming {
  ttftMs: number;
  decodeTokensPerSecond: number;
  decodeMs: number;
}

/** Every reply since the last call. */
export async function outsideTimings(page: Page): Promise<OutsideTiming[]> {
  const seen = await page.evaluate(() => (window as unknown as Watched).seen.splice(0));
  const starts = seen.flatMap(({ tokens }, i) => (tokens === null ? [i] : []));
  return starts.map((start, i) => {
    const arrivals = seen.slice(start + 1, starts[i + 1]);
    const [first, last] = [arrivals[0]!, arrivals.at(-1)!];
    const decodeMs = last.at - first.at;
    return {
      ttftMs: first.at - seen[start]!.at,
      decodeMs,
      decodeTokensPerSecond: (1000 * (last.tokens! - first.tokens!)) / decodeMs,
    };
  });
}

/** Milliseconds of the rounds of each of llama-bench's tests since the last call, without the first round, which fills the context. */
export async function outsideRounds(page: Page): Promise<number[][]> {
  const tests = await page.evaluate(() => (window as unknown as Watched).tests.splice(0));
  return tests.map((ends) => ends.slice(1).map((end, i) => end - ends[i]!));
}
