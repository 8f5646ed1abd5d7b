/** Which graphs a device gets, and how a chunk of tokens is cut into runs of them. */
import { PhiError } from '../../shared/errors.ts';
import type { WebnnDialect } from './cache-layout.ts';
import type { WebnnPlan } from './weights.ts';
import type { DeviceType, WeightFormat } from '../../shared/protocol.ts';

export interface WebnnGraphs {
  dialect: WebnnDialect;
  /** Tokens a run of the graph with the head. */
  main: number;
  /** A graph of single tokens beside a wider main one; the two share their weights. */
  step: boolean;
  /** Tokens a run of graphs for prefill. They hold no weights: they take them as tensors, one copy for all. */
  prefill: readonly number[];
  /** Positions of the recent cache. */
  recent: number;
  /** Weights of the main graph: its own, or the tensors that the graphs for prefill take. */
  weights: 'constants' | 'inputs';
}

/** Above it a device counts as a CPU, whatever it is called. */
export const CPU_RATIO = 1.7;

/**
 * The dialect by what the device turned out to be: `npu` where the browser says so, or where it does not say, an NPU was asked for, and width costs
 * nothing. GPUs behind WebNN keep the spelling that was tested in browsers.
 *
 * @param devices `MLGraph.devices` of the probe; null where the browser has none
 * @param widthRatio see Probe
 */
export function dialectFor(
  devices: readonly string[] | null,
  widthRatio: number,
  deviceType: DeviceType,
): WebnnDialect {
  if (widthRatio > CPU_RATIO || deviceType !== 'npu') return 'litert';
  return !devices || devices.length === 0 || devices.includes('npu') ? 'npu' : 'litert';
}

/**
 * The graphs that a device gets.
 *
 * On a CPU every token of a run costs (16 take three times as long as one), so tokens are decoded one at a time. LiteRT repacks a matrix that is
 * not a constant at every run (60 ms of the starter's 86 for 16 tokens) and holds a constant twice. So it has one graph of constants for single
 * tokens (22 ms in matmuls), and wide ones over tensors, whose build takes a moment. Other forms than float32 it would expand in every graph anew
 * (1.4 GB more for int8): they get one graph of a few tokens. Where 16 tokens cost as much as one, a single graph of 16 serves all.
 *
 * An NPU reads a matrix that is fed as fast as a constant one and compiles in a fraction of the time, so all its graphs share one copy of the weights.
 * Blocks stay constants: as tensors their scales would be applied at every run. So do 4 bits where the browser has no such tensors.
 *
 * @param feedsInt4 the context takes tensors of 4 bits as inputs
 */
export function graphsFor(
  dialect: WebnnDialect,
  widthRatio: number,
  form: WeightFormat,
  feedsInt4: boolean,
): WebnnGraphs {
  const blocks = form === 'int4' || form === 'int8-blocks';
  const four = form === 'int4-columns' || form === 'int4-groups';
  const shared = four ? feedsInt4 : !blocks;
  const alone = { dialect, step: false, prefill: [], recent: 64, weights: 'constants' } as const;
  if (dialect === 'npu')
    return shared
      ? { dialect, main: NPU_WIDTH, step: true, prefill: [NPU_PREFILL], recent: 64, weights: 'inputs' }
      : { ...alone, main: 16 };
  if (widthRatio <= CPU_RATIO) return { ...alone, main: 16 };
  return form === 'float32' ? { ...alone, main: 1, prefill: [32, 64] } : { ...alone, main: 4 };
}

/**
 * Tokens a run of an NPU's graph with the head: drafts fill them. 16 cost 7 to 16 % more than one by Intel's estimate (int8), so single tokens have a
 * graph of their own.
 */
const NPU_WIDTH = 16;
/** Tokens a run of an NPU's prefill: see docs/npu.md for what a token costs at each width. */
const NPU_PREFILL = 128;

/** LiteRT allocates this many bytes for a weight in blocks, in one piece of memory. Above 2 GiB its process crashes (Chromium 153). */
const BLOCK_WEIGHT_BYTES = 32;
const LARGEST_PIECE_BYTES = 2 ** 31;

/**
 * Throws `out-of-memory` where building the graph would kill this very process: Chromium runs WebNN on the CPU inside the page's own. Elsewhere
 * a crash costs a context, which can be made again.
 */
export function refuseFatalBuild(devices: readonly string[] | null, { matrices }: WebnnPlan): void {
  if (!devices?.every((device) => device === 'cpu')) return;
  let bytes = 0;
  for (const { rows, cols, blocks } of matrices.values()) if (blocks) bytes += rows * cols * BLOCK_WEIGHT_BYTES;
  if (bytes < LARGEST_PIECE_BYTES) return;
  const gigabytes = (bytes / 1e9).toFixed(1);
  throw new PhiError(
    'out-of-memory',
    `WebNN on CPU: weights in blocks expand to ${gigabytes} GB in one piece, which crashes the page's process. Use float32.`,
    { bytes },
  );
}

/** Settled positions that a prefill graph looks at: the least step that covers them. Attention over empty slots costs as much as over full ones. */
export function visibleSlots(settled: number, slots: number): number {
  let visible = 256;
  while (visible < settled) visible *= 4;
  return Math.min(visible, slots);
}

/**
 * Cost of a run in the time that one more token takes in a wide run. Measured on LiteRT with the starter (2.3 ms): repacking the weights 22 tokens,
 * a run of a single token with constant weights 10, attention of a token over 1,000 slots 0.6. On an NPU, by Intel's estimate for a layer of
 * Phi-4-mini: reading the weights takes as long as some 70 tokens more.
 */
export function runCost(width: number, wide: boolean, visible: number, dialect: WebnnDialect): number {
  const attention = (width * visible * 0.6) / 1000;
  if (dialect === 'npu') return 70 + width + attention;
  return (wide ? 22 + width : 9 + width) + attention;
}

/** Widths of the runs that take `tokens`, largest first, at the least cost. `costs`: of a run of each width, however much of it is filled. */
export function cutIntoRuns(tokens: number, costs: ReadonlyMap<number, number>): number[] {
  const best = [{ cost: 0, width: 0 }];
  for (let n = 1; n <= tokens; n++) {
    let least = { cost: Infinity, width: 1 };
    for (const [width, cost] of costs) {
      const total = cost + best[Math.max(0, n - width)]!.cost;
      if (total < least.cost) least = { cost: total, width };
    }
    best.push(least);
  }
  const runs: number[] = [];
  for (let n = tokens; n > 0; n -= runs.at(-1)!) runs.push(best[n]!.width);
  return runs.sort((a, b) => b - a);
}
