/** What is the same for every row of a model: its facts, the prompts, the reference, the length of the context. */
import type { ModelFacts, ModelPlace, Prompt } from '../../workers/shared/compare-protocol.ts';
import { PhiError } from '../../workers/shared/errors.ts';
import type { Reference } from './agreement.ts';
import type { RowJob } from './measure.ts';
import { fitLengths, fitTests, slotsOf, type Measures } from './plan.ts';
import { recordedReference } from './references.ts';
import { fitTasks } from './tasks.ts';
import { withCompareWorker } from './threads.ts';

/** A model to measure, and its size in bytes. */
export interface MeasuredModel extends ModelPlace {
  name: string;
  bytes: number;
}

export interface Prepared {
  model: MeasuredModel;
  facts: ModelFacts;
  /** `[tasks][rounds]`, of the tasks that fit. */
  taskPrompts: Prompt[][];
  measures: Measures;
  /** The reference that came with the app, cut to what fits the context; null where the model has none. */
  recorded: Reference | null;
  contextLength: number;
}

/** Rejects with `context-full`, or with what made the model unreadable. */
export async function prepare(model: MeasuredModel, measured: Measures, signal: AbortSignal): Promise<Prepared> {
  const { facts, taskPrompts } = await describeModel(model, measured, signal);
  const measures = { ...measured, lengths: fitLengths(measured, facts.context) };
  const found = await recordedReference(facts.fingerprint);
  // As long as the longest prompt and its reply: what follows that prompt is decoded at the end of the context.
  const needed = Math.max(
    longest(facts.prompts) + measures.decodeTokens,
    facts.textIds.length,
    ...(found?.sequences ?? []).map(({ ids }) => ids.length),
    ...fitTests(measures, facts.context).map(slotsOf),
    ...(measures.tasks ? fitTasks(facts.context) : []).map(({ prompt, reply }) => prompt + reply + 16),
  );
  const contextLength = Math.min(facts.context, needed);
  facts.textIds = facts.textIds.slice(0, contextLength);
  const recorded = found && { ...found, sequences: found.sequences.filter(({ ids }) => ids.length <= contextLength) };
  return { model, facts, taskPrompts, measures, recorded, contextLength };
}

export const rowJob = (
  { model, facts, taskPrompts, measures, recorded, contextLength }: Prepared,
  signal: AbortSignal,
  onProgress: RowJob['onProgress'],
): RowJob => ({
  model: { place: placeOf(model), bytes: model.bytes, facts, taskPrompts },
  measures,
  contextLength,
  sequences: recorded?.sequences ?? [],
  gaps: recorded === null,
  signal,
  onProgress,
});

const placeOf = ({ id, url }: MeasuredModel): ModelPlace => ({ id, ...(url !== undefined && { url }) });

const longest = (prompts: Prompt[][]) => Math.max(...prompts.flat().map(({ tokens }) => tokens));

/**
 * Four digits at the start of each prompt, different for every prompt, so that no earlier round or run has left its
 * beginning in a server's cache.
 */
function nonces(lengths: number, rounds: number): string[][] {
  const first = 1000 + Math.floor(Math.random() * 8000);
  return Array.from({ length: lengths }, (_, l) =>
    Array.from({ length: rounds }, (_, r) => String(first + l * rounds + r)),
  );
}

function describeModel(
  model: MeasuredModel,
  measures: Measures,
  signal: AbortSignal,
): Promise<{ facts: ModelFacts; taskPrompts: Prompt[][] }> {
  const { rounds, decodeTokens } = measures;
  return withCompareWorker(signal, async (api) => {
    const place = placeOf(model);
    const { name, context } = await api.describe(place, [], []);
    const fitting = fitLengths(measures, context);
    if (context <= decodeTokens + fitting[0]! / 2) {
      throw new PhiError(
        'context-full',
        `${name} has a context of ${context} tokens, which is too short to measure a reply of ${decodeTokens}.`,
      );
    }
    const tasks = measures.tasks ? fitTasks(context).map(({ prompt }) => prompt) : [];
    const lengths = [...fitting, ...tasks];
    const facts = await api.describe(place, lengths, nonces(lengths.length, rounds + 1));
    const prompts = facts.prompts.slice(0, fitting.length);
    return { facts: { ...facts, prompts }, taskPrompts: facts.prompts.slice(fitting.length) };
  });
}
