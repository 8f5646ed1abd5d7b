import { expect, it } from 'vitest';
import { TINY_SIZE, tinyPhi } from '../choose/tiny-phi.ts';
import { int8Columns } from '../weights/columns.ts';
import { rotation } from '../weights/rotate.ts';
import { panels } from './weight-groups.ts';
import { wasmWeights } from './weights.ts';

it('cuts matrices whose columns would fall into few sets of the cache, and no others', () => {
  expect(panels('layers.0.gateUp', 3072)).toEqual([{ name: 'layers.0.gateUp', start: 0, rows: 3072 }]);
  for (const rows of [16_384, 49_152, 100_352]) {
    const cut = panels('head', rows);
    expect(cut.reduce((sum, panel) => sum + panel.rows, 0)).toBe(rows);
    for (const [i, panel] of cut.entries()) {
      expect(panel.name).toBe(`head.${i}`);
      expect(panel.start).toBe(i === 0 ? 0 : cut[i - 1]!.start + cut[i - 1]!.rows);
      expect(panel.rows % 2048).not.toBe(0);
    }
  }
});

it('makes panels that hold the columns of the whole matrix', async () => {
  const { config, layers, ...rest } = tinyPhi({ ...TINY_SIZE, layers: 1, intermediate: 2048 });
  const { mlpNorm, gateUp } = layers[0]!;
  const whole = await int8Columns(gateUp, { inputFactors: mlpNorm, inputs: rotation(config.hidden) });
  const groups = wasmWeights({ config, layers, ...rest }, 'int8').filter(({ location }) =>
    location.startsWith('layers.0.gateUp'),
  );
  expect(groups.map(({ tensors }) => tensors[0]!.dims)).toEqual([
    [256, 4032],
    [256, 64],
  ]);
  let start = 0;
  for (const group of groups) {
    const [codes, scales] = (await group.make()) as [Int8Array, Float32Array];
    const rows = scales.length;
    expect(scales).toEqual(whole.scales.subarray(start, start + rows));
    for (const k of [0, 17, 255])
      expect(codes.subarray(k * rows, (k + 1) * rows)).toEqual(
        whole.codes.subarray(k * 4096 + start, k * 4096 + start + rows),
      );
    start += rows;
  }
  expect(start).toBe(4096);
});
