import { describe, expect, it } from 'vitest';
import { chunksOf, formSize, type FormBytes } from '../../store/forms.ts';
import { layout, tensorBytes, type WeightGroup } from '../weights/plan.ts';
import type { DataFile } from './data-file.ts';
import { weightFiles, type WeightCache } from './ort.ts';

const group = (location: string, ...sizes: number[]): WeightGroup => ({
  location,
  tensors: sizes.map((size, i) => ({ name: `${location}.${i}`, dtype: 'uint8', dims: [size] })),
  make: () =>
    Promise.resolve(
      sizes.map((size, i) =>
        Uint8Array.from({ length: size }, (_, at) => (location.charCodeAt(0) + 31 * i + at) % 256),
      ),
    ),
});
const GROUPS = [group('a', 70_000, 8), group('b', 200_000, 3, 64), group('c', 5)];

async function expectTensors(files: DataFile[]): Promise<void> {
  for (const [g, one] of [...GROUPS.entries()].reverse()) {
    const { offsets } = layout(one);
    const made = (await one.make()) as Uint8Array[];
    for (const [t, tensor] of one.tensors.entries()) {
      const read = await files[g]!.slice(offsets[t]!, offsets[t]! + tensorBytes(tensor)).arrayBuffer();
      expect(Buffer.from(read).equals(made[t]!), tensor.name).toBe(true);
    }
  }
}

const cacheOf = (form: FormBytes | null): WeightCache & { kept: FormBytes | null } => {
  const weightCache = {
    kept: null as FormBytes | null,
    open: () => Promise.reject(new Error('The weights fit into the heap.')),
    hold: () => Promise.resolve(form),
    exists: () => Promise.resolve(form !== null),
    keep: (kept: FormBytes) => {
      weightCache.kept = kept;
      return Promise.resolve();
    },
  };
  return weightCache;
};

/** A form as it is kept after a first load. */
async function firstLoad(): Promise<Blob> {
  const weightCache = cacheOf(null);
  (await weightFiles({ groups: GROUPS, weightCache })).keep();
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  for await (const chunk of chunksOf(weightCache.kept!)) chunks.push(chunk);
  return new Blob(chunks);
}

/** The form in the heap, in chunks that cut tensors. */
async function held(form: Blob): Promise<FormBytes> {
  const bytes = new Uint8Array(await form.arrayBuffer());
  const cuts = [0, 5, 100, 100_000, 100_001, bytes.length];
  return cuts.slice(1).map((end, i) => bytes.slice(cuts[i], end));
}

describe('weights for ONNX Runtime', () => {
  it('are Blobs to it and give each tensor, made as well as kept', async () => {
    for (const form of [null, await firstLoad(), await held(await firstLoad())]) {
      const { files, bytes } = await weightFiles({ groups: GROUPS, weightCache: cacheOf(form) });
      expect(files.every((file) => file instanceof Blob)).toBe(true);
      expect(files.map(({ size }) => size)).toEqual(GROUPS.map((one) => layout(one).bytes));
      expect(bytes).toBe(GROUPS.reduce((sum, one) => sum + layout(one).bytes, 0));
      await expectTensors(files);
    }
  });

  it('are kept with the small tensors in front, which are read at once', async () => {
    const form = await firstLoad();
    expect([...new Uint8Array(await form.slice(0, 8).arrayBuffer())]).toEqual([
      ...((await GROUPS[0]!.make())[1] as Uint8Array),
    ]);
    let slices = 0;
    class Counted extends Blob {
      override slice(from?: number, to?: number): Blob {
        slices++;
        return super.slice(from, to);
      }
    }
    const { files } = await weightFiles({ groups: GROUPS, weightCache: cacheOf(new Counted([form])) });
    await expectTensors(files);
    expect(slices).toBe(1 + 2);
  });

  it('are read by whole tensors once they are kept', async () => {
    const { files } = await weightFiles({ groups: GROUPS, weightCache: cacheOf(await firstLoad()) });
    expect(() => files[0]!.slice(1, 70_001)).toThrow('a: bytes 1 to 70001 do not match a tensor');
    expect(() => files[0]!.slice(0, 8)).toThrow('do not match a tensor');
  });

  it('are made again where what was kept is of another plan', async () => {
    const form = await firstLoad();
    const weightCache = cacheOf(form.slice(1));
    const weights = await weightFiles({ groups: GROUPS, weightCache });
    await expectTensors(weights.files);
    weights.keep();
    expect(formSize(weightCache.kept!)).toBe(form.size);
  });
});
