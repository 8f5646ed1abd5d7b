import { describe, expect, it } from 'vitest';
import { TINY_SIZE, tinyPhi } from '../choose/tiny-phi.ts';
import type { Checkpoint } from '../checkpoint/types.ts';
import type { Matrix } from '../weights/matrix.ts';
import { weightFiles } from '../runtime/ort.ts';
import { layout, materialise } from '../weights/plan.ts';
import { EarlyWeights, makeAsTheyArrive } from './early-weights.ts';
import { wasmWeights } from './weights.ts';

const model = tinyPhi({ ...TINY_SIZE, layers: 2 });
const never = new AbortController().signal;

/** The model as it is downloaded: the head, every `down` and the norms arrive when `arrived` resolves; until then norms are zeros. */
function arriving(arrived: Promise<unknown>): Checkpoint {
  const late = new Map<Float32Array, Promise<void>>();
  const norm = (weights: Float32Array): Float32Array => {
    const values = new Float32Array(weights.length);
    const filled = arrived.then(() => values.set(weights));
    filled.catch(() => undefined); // whoever waits has it
    late.set(values, filled);
    return values;
  };
  const matrix = (whole: Matrix): Matrix => ({
    ...whole,
    read: async (start, count) => {
      await arrived;
      return whole.read(start, count);
    },
  });
  return {
    ...model,
    head: matrix(model.head),
    norm: norm(model.norm),
    layers: model.layers.map((layer) => ({
      ...layer,
      attentionNorm: norm(layer.attentionNorm),
      mlpNorm: norm(layer.mlpNorm),
      down: matrix(layer.down),
    })),
    late,
  };
}

const base64 = (bytes: Uint8Array | ArrayBuffer) => Buffer.from(bytes as Uint8Array).toString('base64');

describe('weights made during a download', () => {
  it('are those that are made afterwards, byte for byte, as far as they can be made before its end', async () => {
    let arrive!: () => void;
    const arrived = new Promise<void>((resolve) => (arrive = resolve));
    const groups = wasmWeights(model, 'int8');
    const sizes = new Map(groups.map((group) => [group.location, layout(group).bytes]));
    const early = new EarlyWeights(arriving(arrived), never);
    let done = 0;
    const taken = early.take(groups, (bytes) => (done = bytes));
    // Without `down`, the head and what a norm is folded into.
    const readable = [...sizes].filter(([name]) => !/head|down|qkv|gateUp/.test(name));
    await expect.poll(() => done).toBe(readable.reduce((sum, [, bytes]) => sum + bytes, 0));
    arrive();
    const made = (await taken)!;
    expect(done).toBe([...sizes.values()].reduce((sum, bytes) => sum + bytes, 0));
    const afterwards = await Promise.all(groups.map(materialise));
    const before = made as Uint8Array[]; // small enough for the heap
    expect(before.map(base64)).toEqual(afterwards.map(base64));
    const { files } = await weightFiles({ groups, early: () => Promise.resolve(made) });
    expect(files.map(({ size }) => size)).toEqual(before.map(({ length }) => length));
  });

  it('are made panel by panel, each as soon as its own rows are there', async () => {
    const wide = tinyPhi({ ...TINY_SIZE, layers: 1, vocab: 4096 });
    let arrive!: () => void;
    const arrived = new Promise<void>((resolve) => (arrive = resolve));
    const read: Matrix['read'] = async (start, count) => {
      if (start + count === wide.head.rows) await arrived;
      return wide.head.read(start, count);
    };
    const groups = wasmWeights(wide, 'int8');
    const made: string[] = [];
    const making = makeAsTheyArrive({ ...wide, head: { ...wide.head, read } }, groups, never, ({ location }) => {
      made.push(location);
    });
    await expect.poll(() => made).toHaveLength(groups.length - 1);
    expect(groups.map(({ location }) => location).filter((location) => !made.includes(location))).toEqual(['head.1']);
    arrive();
    await making;
    expect(made.at(-1)).toBe('head.1');
  });

  it('are null for other groups, after a failure and after a stop', async () => {
    const groups = wasmWeights(model, 'int8');
    expect(await new EarlyWeights(model, never).take(wasmWeights(model, 'float32'))).toBeNull();
    const failed = new EarlyWeights(arriving(Promise.reject(new Error('offline'))), never);
    expect(await failed.take(groups)).toBeNull();
    expect(await new EarlyWeights(model, AbortSignal.abort()).take(groups)).toBeNull();
  });
});
