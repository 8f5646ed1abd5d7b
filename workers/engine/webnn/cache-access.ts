/** The KV cache in MLTensors as rows in memory, and back. */
import type { PhiConfig } from '../checkpoint/types.ts';
import { emptyRows, type KvAccess, type KvRows } from '../decoder.ts';
import { fromFloatType, toFloatType, type FloatType } from '../weights/half.ts';
import { cacheLayout, valuePanel, type WebnnDialect } from './cache-layout.ts';
import { webnnScope, type MLGraph } from './api.ts';
import { buildAlone } from './compile.ts';
import type { WebnnDevice } from './device.ts';
import type { Pair, WebnnCache } from './kv-cache.ts';

type Shape = Pick<PhiConfig, 'kvHeads' | 'headDim'> & { slots: number; dialect: WebnnDialect };

/** Where the first dimension of a token's value lies in the values of its head, and how far apart the dimensions are: `at(token, dimension)`. */
function valuePlaces({ headDim, slots, dialect }: Shape): (token: number, dimension: number) => number {
  if (dialect === 'npu') return (token, dimension) => dimension * slots + token; // [headDim, slots]
  const panel = valuePanel(headDim); // [headDim / panel, slots, panel]
  return (token, dimension) => (Math.floor(dimension / panel) * slots + token) * panel + (dimension % panel);
}

/** Slots `[from, to)` of a layer's whole tensors. */
export function rowsOf(shape: Shape, keys: Float32Array, values: Float32Array, from: number, to: number): KvRows {
  const { kvHeads, headDim, slots } = shape;
  const count = to - from;
  const rows = emptyRows(kvHeads, count, headDim);
  const place = valuePlaces(shape);
  for (let head = 0; head < kvHeads; head++) {
    const start = head * slots * headDim;
    rows.keys.set(keys.subarray(start + from * headDim, start + to * headDim), head * count * headDim);
    for (let token = 0; token < count; token++)
      for (let j = 0; j < headDim; j++)
        rows.values[(head * count + token) * headDim + j] = values[start + place(from + token, j)]!;
  }
  return rows;
}

/** A layer's whole tensors with rows in their first slots and zeros behind. */
export function tensorsOf(shape: Shape, count: number, rows: KvRows): KvRows {
  const { kvHeads, headDim, slots } = shape;
  const whole = emptyRows(kvHeads, slots, headDim);
  const place = valuePlaces(shape);
  for (let head = 0; head < kvHeads; head++) {
    const start = head * slots * headDim;
    whole.keys.set(rows.keys.subarray(head * count * headDim, (head + 1) * count * headDim), start);
    for (let token = 0; token < count; token++)
      for (let j = 0; j < headDim; j++)
        whole.values[start + place(token, j)] = rows.values[(head * count + token) * headDim + j]!;
  }
  return whole;
}

export function cacheAccess(
  device: WebnnDevice,
  { kvHeads, headDim }: PhiConfig,
  cache: WebnnCache,
  dialect: WebnnDialect,
): KvAccess {
  const shape: Shape = { kvHeads, headDim, slots: cache.slots, dialect };
  const { context } = device;
  const type: FloatType = dialect === 'npu' ? 'float16' : 'float32';
  let copier: Promise<Copier> | undefined;
  return {
    async read(layer, from, to) {
      copier ??= buildAlone(() => createCopier(device, shape));
      copier.catch(() => (copier = undefined)); // a failed build is tried again next time
      const copy = await copier;
      context.dispatch(
        copy.graph,
        { ...cache.settled(layer, to) },
        { out_key: copy.out.key, out_value: copy.out.value },
      );
      const [keys, values] = await Promise.all([context.readTensor(copy.out.key), context.readTensor(copy.out.value)]);
      return rowsOf(shape, fromFloatType(keys, type), fromFloatType(values, type), from, to);
    },
    async fill(count, rows) {
      cache.filled(0);
      for (const [layer, { key, value }] of cache.layers.entries()) {
        const { keys, values } = tensorsOf(shape, count, await rows(layer));
        context.writeTensor(key, toFloatType(keys, type));
        context.writeTensor(value, toFloatType(values, type));
      }
      cache.filled(count);
    },
  };
}

interface Copier {
  graph: MLGraph;
  /** Tensors that can be read. */
  out: Pair;
}

/** Copies a layer's tensors to ones that can be read: those that the network works with need not lie where the browser can read them. */
async function createCopier(device: WebnnDevice, { kvHeads, headDim, slots, dialect }: Shape): Promise<Copier> {
  const layout = cacheLayout({ layers: 1, kvHeads, headDim }, slots, 0, dialect);
  const b = new webnnScope.MLGraphBuilder!(device.context);
  const one = b.constant({ dataType: layout.dtype, shape: [1] }, toFloatType(Float32Array.of(1), layout.dtype));
  const copied = (name: string, dims: readonly number[]) =>
    b.mul(b.input(name, { dataType: layout.dtype, shape: dims }), one);
  const graph = await b.build({ out_key: copied('key', layout.key), out_value: copied('value', layout.value) });
  const readable = (dims: readonly number[]) => device.tensor(layout.dtype, dims, { readable: true });
  return { graph, out: { key: await readable(layout.key), value: await readable(layout.value) } };
}
