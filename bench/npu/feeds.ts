/** Inputs for one run of a WebNN graph: the first tokens of a real text, and caches that are still empty. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cacheLayout, HIDDEN_SCORE } from '../../workers/engine/webnn/cache-layout.ts';
import type { WebnnShape } from '../../workers/engine/webnn/graph.ts';
import { rotationTables } from '../../workers/engine/webnn/runner.ts';
import { CEILING } from '../../workers/engine/webnn/select-graph.ts';
import type { Checkpoint } from '../../workers/engine/checkpoint/types.ts';
import type { Rotation } from '../../workers/engine/weights/rotate.ts';
import { dequantise } from '../../workers/engine/weights/rows.ts';

export interface GraphFeed {
  /** As NumPy calls it. */
  dtype: 'float32' | 'float16' | 'int32';
  dims: readonly number[];
  data: Float32Array | Uint16Array | Int32Array;
}

const size = (dims: readonly number[]) => dims.reduce((product, dim) => product * dim, 1);

/** Writes feeds for the Python scripts; returns the path of their description. */
export async function writeFeeds(folder: string, feeds: Readonly<Record<string, GraphFeed>>): Promise<string> {
  await mkdir(folder, { recursive: true });
  const described: Record<string, { dtype: string; dims: readonly number[]; file: string }> = {};
  for (const [name, { dtype, dims, data }] of Object.entries(feeds)) {
    const file = `${Object.keys(described).length}.bin`;
    described[name] = { dtype, dims, file };
    await writeFile(join(folder, file), new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  }
  const path = join(folder, 'feeds.json');
  await writeFile(path, JSON.stringify(described));
  return path;
}

/**
 * Feeds for `ids`, which fill the run's first rows. Matrices that are fed are not among them.
 * @param residual the plan's: the embedding is rotated as the matrices are
 */
export async function firstRun(
  { config, embedding }: Checkpoint,
  shape: WebnnShape,
  ids: readonly number[],
  residual: Rotation | null = null,
): Promise<Record<string, GraphFeed>> {
  const { width, slots, visible, recent, dialect } = shape;
  const float = (dims: readonly number[], data = new Float32Array(size(dims))): GraphFeed => ({
    dtype: 'float32',
    dims,
    data,
  });
  const x = new Float32Array(width * config.hidden);
  for (const [i, id] of ids.entries()) x.set(dequantise(await embedding.read(id, 1)), i * config.hidden);
  if (residual) for (let i = 0; i < ids.length; i++) residual.apply(x, i * config.hidden);
  const keys = visible + recent + width;
  const mask = new Float32Array(width * keys).fill(HIDDEN_SCORE[dialect]);
  const place = new Float32Array(recent * width);
  ids.forEach((_, i) => {
    mask.fill(0, i * keys + visible + recent, i * keys + visible + recent + i + 1);
    if (recent) place[i * width + i] = 1;
  });
  const { cos, sin } = rotationTables(config, 'short', 0, ids.length, width);
  const layout = cacheLayout(config, slots, recent || width, dialect);
  const empty = (dims: readonly number[]): GraphFeed =>
    layout.dtype === 'float32' ? float(dims) : { dtype: 'float16', dims, data: new Uint16Array(size(dims)) };
  const feeds: Record<string, GraphFeed> = {
    x: float([width, config.hidden], x),
    cos: float([width, 1, config.headDim], cos),
    sin: float([width, 1, config.headDim], sin),
    mask: float([width, keys], mask),
    keep: float([recent, 1]),
    place: float([recent, width], place),
    recent_key: empty(layout.recentKey),
    recent_value: empty(layout.recentValue),
    row: { dtype: 'int32', dims: [1], data: Int32Array.of(ids.length - 1) },
    target: { dtype: 'int32', dims: [1], data: Int32Array.of(0) },
    sampling: float([2], Float32Array.of(1, 1)),
    seen: float([1, config.vocab]),
    ceiling: float([1, config.vocab], new Float32Array(config.vocab).fill(CEILING)),
  };
  for (let l = 0; l < config.layers; l++) {
    feeds[`key.${l}`] = empty(layout.key);
    feeds[`value.${l}`] = empty(layout.value);
  }
  return feeds;
}
