/** The row of the model that the browser has built in, by the web's own interface. It is another model, and the row says so. */
import type { Prompt, Timing } from '../../workers/shared/compare-protocol.ts';
import { PhiError } from '../../workers/shared/errors.ts';
import { speedFigures, timeRounds, type RowJob } from './measure.ts';
import type { Measured } from './result.ts';
import { ROW_DEFAULTS } from './row-defaults.ts';
import { UNKNOWN } from './server-row.ts';
import { builtInIdentity } from './steps.ts';

/** The part of the Prompt API that a row needs (https://webmachinelearning.github.io/prompt-api). */
interface Session {
  promptStreaming(input: string, options: { signal: AbortSignal }): ReadableStream<string>;
  measureContextUsage?(input: string): Promise<number>;
  measureInputUsage?(input: string): Promise<number>;
  destroy(): void;
}
interface LanguageModelClass {
  availability(): Promise<string>;
  create(options: { signal: AbortSignal }): Promise<Session>;
}

const api = (): LanguageModelClass | undefined => (globalThis as { LanguageModel?: LanguageModelClass }).LanguageModel;

/** True if this browser has a built-in model that is on the disk. Never starts a download. */
export async function hasBuiltIn(): Promise<boolean> {
  try {
    return (await api()?.availability()) === 'available';
  } catch {
    return false; // an interface that refuses this page is as good as none
  }
}

/** Rejects with `backend` when the browser has no such model, or it fails. */
export async function measureBuiltIn({ model, measures, signal, onProgress }: RowJob): Promise<Measured> {
  if (!(await hasBuiltIn()))
    throw new PhiError('backend', 'This browser has no built-in language model that is ready (LanguageModel).');
  const rounds = await timeRounds(
    model.facts.prompts,
    measures,
    (prompt, tokens) => timeBuiltIn(prompt, tokens, signal),
    (done, total, warmUp) => onProgress({ phase: warmUp ? 'warm-up' : 'measure', share: done / total }),
  );
  return {
    ...ROW_DEFAULTS,
    ...builtInIdentity(),
    ...UNKNOWN,
    device: 'The browser does not name the device',
    model: 'Built-in model of the browser',
    otherModel: true,
    notes: [
      'Another model, with its own tokenizer, sampling and lengths of reply. Each piece of text counts as a token.',
    ],
    ...speedFigures(
      rounds,
      model.facts.prompts.map(([prompt]) => prompt!.tokens),
    ),
  };
}

/** A fresh session for each reply: nothing of an earlier prompt is in its context. */
async function timeBuiltIn({ content, tokens: asked }: Prompt, most: number, signal: AbortSignal): Promise<Timing> {
  const session = await api()!.create({ signal });
  const enough = new AbortController();
  try {
    const promptTokens =
      (await (session.measureContextUsage?.(content) ?? session.measureInputUsage?.(content))) ?? asked;
    const started = performance.now();
    const arrivals: Timing['arrivals'] = [];
    const pieces: Timing['pieces'] = [];
    const reader = session.promptStreaming(content, { signal: AbortSignal.any([signal, enough.signal]) }).getReader();
    while (arrivals.length < most) {
      const { done, value } = await reader.read();
      if (done) break;
      if (value === '') continue;
      const at = performance.now() - started;
      arrivals.push([at, 1, value.length]);
      pieces.push([at, value]);
    }
    enough.abort();
    const [first, last] = [arrivals[0]?.[0], arrivals.at(-1)?.[0]];
    if (first === undefined || last === undefined)
      throw new PhiError('backend', 'The built-in model gave an empty reply.');
    return {
      model: null,
      promptTokens,
      tokens: arrivals.length,
      ttftMs: first,
      prefillTokensPerSecond: (1000 * promptTokens) / first,
      decodeTokensPerSecond: arrivals.length > 1 ? (1000 * (arrivals.length - 1)) / (last - first) : null,
      pieces,
      arrivals,
    };
  } finally {
    session.destroy();
  }
}
