/**
 * How onnxruntime-web runs the int4 graph that a hub publishes: the whole of it, and one layer and the head in sessions of their own, as it computes them on
 * WASM. On the same page, cores and threads as this engine before.
 */
import type { Page } from 'playwright';
import type { TimingRequest, TimingResult } from './timing.worker.ts';
import type { PhiConfig } from '../../workers/engine/checkpoint/types.ts';
import { makeInt4Part } from './make.ts';

export interface Int4Times {
  layerMs: number;
  headMs: number;
  /** layers x layer + head. */
  tokenMs: number;
  /** How the whole graph ends. */
  whole: string;
}

/** Tokens in the cache, as after a short prompt. */
const PAST = 40;
const ROUNDS = 5;
/** A load that takes longer is given up on. */
const WHOLE_LIMIT_MS = 180_000;

const median = (values: number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1]!;

/** Folders to be served under `/int4/PART`; made before the browser starts, because making them keeps a core busy. */
export async function int4Mounts(layers: number): Promise<Record<string, string>> {
  return {
    '/int4/layers': await makeInt4Part('layers', 1),
    '/int4/head': await makeInt4Part('head', 1),
    '/int4/whole': await makeInt4Part('whole', layers),
  };
}

export async function timeInt4(page: Page, config: PhiConfig, threads: number): Promise<Int4Times> {
  const { hidden, kvHeads, headDim, layers } = config;
  const mask = { dims: [1, PAST + 1], int64: 1 };
  const cache = (count: number) =>
    Object.fromEntries(
      Array.from({ length: count }, (_, l) =>
        ['key', 'value'].map((kind) => [`past_key_values.${l}.${kind}`, { dims: [1, kvHeads, PAST, headDim] }]),
      ).flat(),
    ) as TimingRequest['feeds'];
  const time = async (part: string, feeds: TimingRequest['feeds'], rounds: number) => {
    const url = (name: string) => new URL(`/int4/${part}/${name}`, page.url()).href;
    const request: TimingRequest = { threads, model: url('model.onnx'), data: url('model.onnx.data'), feeds, rounds };
    return page.evaluate((wanted) => window.fullSize.time(wanted), request);
  };
  const ms = async (part: string, feeds: TimingRequest['feeds']): Promise<number> => {
    const outcome = await time(part, feeds, ROUNDS);
    if ('error' in outcome) throw new Error(`${part} of the int4 graph: ${outcome.error.message}`);
    return median(outcome.value.runMs);
  };
  const state = { hidden: { dims: [1, 1, hidden] }, attention_mask: mask };
  const layerMs = await ms('layers', { ...state, ...cache(1) });
  const headMs = await ms('head', state);

  const late = new Promise<'late'>((resolve) => setTimeout(() => resolve('late'), WHOLE_LIMIT_MS));
  const crash = new Promise<'crash'>((resolve) => page.once('crash', () => resolve('crash')));
  const attempt = time(
    'whole',
    { input_ids: { dims: [1, 1], int64: 7 }, attention_mask: mask, ...cache(layers) },
    1,
  ).catch(() => 'crash' as const);
  const ended = await Promise.race([attempt, late, crash]);
  return { layerMs, headMs, tokenMs: layers * layerMs + headMs, whole: describe(ended) };
}

function describe(ended: 'late' | 'crash' | { value: TimingResult } | { error: { message: string } }): string {
  if (ended === 'late') return `not loaded after ${WHOLE_LIMIT_MS / 1000} s`;
  if (ended === 'crash') return 'the tab crashed';
  if ('error' in ended) return `fails: ${ended.error.message}`;
  return `loads in ${(ended.value.loadMs / 1000).toFixed(1)} s, a token takes ${ended.value.runMs[0]!.toFixed(0)} ms`;
}
