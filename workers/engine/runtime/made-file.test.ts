import { describe, expect, it } from 'vitest';
import type { WeightGroup } from '../weights/plan.ts';
import type { DataPart } from './data-file.ts';
import { GroupMaker, madeFile } from './made-file.ts';

function group(): { group: WeightGroup; made: () => number } {
  let times = 0;
  return {
    made: () => times,
    group: {
      location: 'layers.0.qkv',
      tensors: [
        { name: 'codes', dtype: 'int8', dims: [3, 2] },
        { name: 'scales', dtype: 'float32', dims: [2] },
      ],
      make: () => {
        times++;
        return Promise.resolve([Int8Array.of(1, 2, 3, 4, 5, 6), Float32Array.of(0.5, 2)]);
      },
    },
  };
}

const read = async (part: DataPart) => new Uint8Array(await part.arrayBuffer());

describe('a file of weights that are made when they are read', () => {
  it.each([
    [0, 64],
    [64, 0],
  ])('gives each tensor once made, whichever is asked for first (%d, %d)', async (first, second) => {
    const { group: weights, made } = group();
    let reports = 0;
    const file = madeFile(new GroupMaker(weights, () => void reports++));
    expect(file).toBeInstanceOf(Blob);
    expect(file.size).toBe(64 + 8);
    expect(made()).toBe(0);
    const sizes = new Map([
      [0, 6],
      [64, 8],
    ]);
    const parts = new Map([[first, await read(file.slice(first, first + sizes.get(first)!))]]);
    parts.set(second, await read(file.slice(second, second + sizes.get(second)!)));
    expect([...parts.get(0)!]).toEqual([1, 2, 3, 4, 5, 6]);
    expect([...new Float32Array(parts.get(64)!.buffer)]).toEqual([0.5, 2]);
    expect([made(), reports]).toEqual([1, 1]);
  });

  it('makes them once for readers at a time, who wait until they are passed on', async () => {
    const { group: weights, made } = group();
    let passOn = (): void => undefined;
    const passedOn = new Promise<void>((resolve) => (passOn = resolve));
    const maker = new GroupMaker(weights, () => passedOn);
    let taken = 0;
    const both = [0, 1].map((index) => maker.take(index).then(() => taken++));
    await new Promise((resolve) => setTimeout(resolve));
    expect([made(), taken]).toEqual([1, 0]);
    passOn();
    await Promise.all(both);
    expect(made()).toBe(1);
  });

  it('gives the same tensor to two readers at a time', async () => {
    const { group: weights, made } = group();
    const maker = new GroupMaker(weights, () => undefined);
    const [first, second] = await Promise.all([maker.take(0), maker.take(0)]);
    expect(second).toEqual(first);
    expect(made()).toBe(2);
  });

  it('makes them again for a second reader, and gives nothing but whole tensors', async () => {
    const { group: weights, made } = group();
    const file = madeFile(new GroupMaker(weights, () => undefined));
    await read(file.slice(0, 6));
    await read(file.slice(0, 6));
    expect(made()).toBe(2);
    expect(() => file.slice(0, 5)).toThrow('do not match a tensor');
    expect(() => file.slice(8, 14)).toThrow('do not match a tensor');
  });

  it('fails where what was made is not what was planned', async () => {
    const { group: weights } = group();
    const file = madeFile(
      new GroupMaker(
        { ...weights, make: () => Promise.resolve([new Int8Array(5), new Float32Array(2)]) },
        () => undefined,
      ),
    );
    await expect(read(file.slice(0, 6))).rejects.toThrow('but 6 were planned');
  });
});
