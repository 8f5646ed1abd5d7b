/** The row of the model that the browser has built in, by the web's own interface. It is another model, and the row says so. */
import type { Prompt, Timing } from '../../workers/shared/compare-protocol.ts';
import { PhiError } from '../../workers/shared/errors.ts';
import { timeStream, type Arrival } from '../../workers/shared/stopwatch.ts';
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
    return false; // an interface that refuses this page counts as absent
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
      'This is another model, with its own tokenizer, sampling and reply lengths. Each piece of text counts as one token.',
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
  try {
    const promptTokens =
      (await (session.measureContextUsage?.(content) ?? session.measureInputUsage?.(content))) ?? asked;
    const timing = await timeStream(promptTokens, () => arrivals(session, content, most, signal));
    if (timing.tokens === 0) throw new PhiError('backend', 'The built-in model gave an empty reply.');
    return timing;
  } finally {
    session.destroy();
  }
}

/** Its pieces of text, at most `most`; then the reply is stopped. */
async function* arrivals(
  session: Session,
  content: string,
  most: number,
  signal: AbortSignal,
): AsyncGenerator<Arrival> {
  const enough = new AbortController();
  const reader = session.promptStreaming(content, { signal: AbortSignal.any([signal, enough.signal]) }).getReader();
  try {
    for (let count = 0; count < most;) {
      const { done, value } = await reader.read();
      if (done) return;
      if (value === '') continue;
      count++;
      yield { tokens: 1, text: value };
    }
  } finally {
    enough.abort();
  }
}
