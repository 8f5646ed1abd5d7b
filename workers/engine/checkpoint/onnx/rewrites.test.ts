/** Graphs as other exporters write them give the same model, or are refused for what they are. */
import { describe, expect, it } from 'vitest';
import { relativeErrors, weightDifference } from '../testing/compare.ts';
import { folderFiles, memoryFiles } from '../testing/fixtures.ts';
import { intAttribute, type EditModel, type EditNode } from '../testing/onnx-edit.ts';
import {
  bnb4Product,
  expandHeads,
  integerProduct,
  layTablesEndToEnd,
  quantiseEmbedding,
  REFUSED_PRODUCTS,
  type IntegerForm,
} from '../testing/onnx-rewrites.ts';
import { editedFolder, rewriteProducts } from '../testing/onnx-variants.ts';
import type { Checkpoint } from '../types.ts';
import { openOnnx } from './onnx.ts';

const MINI = 'phi4-mini/onnx-webgpu-int4';
const PHI4 = 'phi4/onnx-cpu-int4';
const options = { timeout: 120_000 };

const text = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));
type Options = { provider_options?: object[] } & Record<string, unknown>;

/** The fixture with its tables end to end. `session`: session options of genai_config.json. */
async function endToEnd(
  session: Options,
  rows = 64,
  change?: (rows: Float32Array) => void,
): Promise<{ source: Checkpoint; files: Map<string, Uint8Array> }> {
  const source = await openOnnx(folderFiles(MINI));
  const files = editedFolder(MINI, (model) => layTablesEndToEnd(model, source.config, rows, change));
  const config = JSON.parse(new TextDecoder().decode(files.get('genai_config.json'))) as {
    model: { decoder: { session_options: Options } };
  };
  config.model.decoder.session_options = session;
  files.set('genai_config.json', text(config));
  return { source, files };
}

describe('rotary tables end to end', options, () => {
  it.each<[string, Options]>([
    ['a provider option of WebGPU', { provider_options: [{ webgpu: { multiRotaryCacheConcatOffset: '64' } }] }],
    ['the same as a number', { provider_options: [{ WebGPU: { multiRotaryCacheConcatOffset: 64 } }] }],
    [
      'a provider option of NVIDIA',
      { provider_options: [{ NvTensorRtRtx: { multi_rotary_cache_concat_offset: '64' } }] },
    ],
    ['its new name', { provider_options: [{ NvTensorRtRtx: { nv_multi_rotary_cache_concat_offset: '64' } }] }],
    ['a session option', { 'ep.webgpuexecutionprovider.multiRotaryCacheConcatOffset': '64' }],
    ['the rows, without an option', { provider_options: [] }],
    ['the rows, with an option of zero', { provider_options: [{ webgpu: { multiRotaryCacheConcatOffset: '0' } }] }],
  ])('are told apart by %s', async (_, session) => {
    const { source, files } = await endToEnd(session);
    const { config } = await openOnnx(memoryFiles(files));
    expect(config.ropeScaling?.originalContext).toBe(64);
    for (const set of ['short', 'long'] as const)
      config.ropeScaling![set].forEach((factor, i) =>
        expect(Math.abs(factor / source.config.ropeScaling![set][i]! - 1), `${set} ${i}`).toBeLessThan(0.02),
      );
  });

  it('are found where neither config nor option says how long the short one is', async () => {
    const { files } = await endToEnd({}, 97);
    expect((await openOnnx(memoryFiles(files))).config.ropeScaling?.originalContext).toBe(97);
  });

  it.each<[string, Options, RegExp]>([
    [
      'an option that the rows contradict',
      { provider_options: [{ webgpu: { multiRotaryCacheConcatOffset: '65' } }] },
      /begins at row 65, but no table begins there/,
    ],
    [
      'an option beyond the table',
      { provider_options: [{ webgpu: { multiRotaryCacheConcatOffset: '9999' } }] },
      /begins at row 9999/,
    ],
    [
      'options that contradict each other',
      {
        provider_options: [
          { webgpu: { multiRotaryCacheConcatOffset: '64' } },
          { other: { multi_rotary_cache_concat_offset: 32 } },
        ],
      },
      /contradict each other/,
    ],
    [
      'an option that is no row',
      { provider_options: [{ webgpu: { multiRotaryCacheConcatOffset: 'many' } }] },
      /not row numbers/,
    ],
  ])('are refused with %s', async (_, session, message) => {
    const { files } = await endToEnd(session);
    await expect(openOnnx(memoryFiles(files))).rejects.toThrow(message);
  });

  it('are refused where the rows are of no set of frequencies', async () => {
    const { files } = await endToEnd({}, 64, (rows) => rows.fill(0.5, 70 * 24, 400 * 24));
    await expect(openOnnx(memoryFiles(files))).rejects.toThrow(
      /not the cosines and sines of one set of frequencies, nor of two/,
    );
  });
});

describe('MultiHeadAttention with keys written out for every head', options, () => {
  it('is read with the heads that its products have', async () => {
    const source = await openOnnx(folderFiles(PHI4));
    const read = await openOnnx(memoryFiles(editedFolder(PHI4, (model) => expandHeads(model))));
    expect(read.config).toEqual(source.config);
    expect(read.config.kvHeads).toBe(2);
    expect(await weightDifference(read, source)).toBe(0);
  });

  it.each<[string, (model: EditModel) => void]>([
    ['repeated as a whole', (model) => expandHeads(model, 1)],
    [
      'not repeated',
      (model) => {
        expandHeads(model);
        for (const node of model.nodes) if (node.type === 'Expand') node.type = 'Identity';
      },
    ],
  ])('is refused where heads are %s', async (_, edit) => {
    await expect(openOnnx(memoryFiles(editedFolder(PHI4, edit)))).rejects.toThrow(
      /fewer key heads than query heads, and no Expand repeats them/,
    );
  });
});

describe('dynamic quantisation', options, () => {
  const folder = (form: IntegerForm, signed: boolean, perChannel: boolean, edit?: (model: EditModel) => void) =>
    editedFolder(PHI4, (model) => {
      rewriteProducts(model, (product, name) => integerProduct(product, name, form, { signed, perChannel }));
      quantiseEmbedding(model);
      edit?.(model);
    });

  it.each<[IntegerForm, string, string]>([
    ['MatMulInteger', 'int8', 'matrix'],
    ['MatMulInteger', 'uint8', 'matrix'],
    ['MatMulInteger', 'int8', 'output'],
    ['MatMulInteger', 'uint8', 'output'],
    ['MatMulIntegerToFloat', 'int8', 'output'],
    ['DynamicQuantizeMatMul', 'uint8', 'matrix'],
  ])('is read: %s of %s with a scale for each %s', async (form, type, scales) => {
    const files = folder(form, type === 'int8', scales === 'output');
    const errors = await relativeErrors(await openOnnx(memoryFiles(files)), await openOnnx(folderFiles(PHI4)));
    for (const [role, error] of Object.entries(errors)) {
      expect(error, role).toBeLessThan(0.015);
      expect(error, role).toBeGreaterThan(0);
    }
  });

  it('is refused where the result is not turned into floats', async () => {
    const files = folder('MatMulInteger', true, false, (model) => rename(model, 'Cast', 'Neg'));
    await expect(openOnnx(memoryFiles(files))).rejects.toThrow(/not multiplied by a scale/);
  });

  it.each(REFUSED_PRODUCTS)('is refused with $to in place of $from', async ({ from, to, message }) => {
    const files = folder('MatMulInteger', true, false, (model) => rename(model, from, to));
    await expect(openOnnx(memoryFiles(files))).rejects.toMatchObject({
      code: 'unsupported-model',
      message: expect.stringMatching(message) as string,
    });
  });
});

describe('4-bit floats of bitsandbytes', options, () => {
  const folder = (type: 0 | 1, edit: (model: EditModel) => void = () => undefined) =>
    editedFolder(PHI4, (model) => {
      rewriteProducts(model, (product, name) => bnb4Product(product, name, type));
      edit(model);
    });

  it.each([
    ['FP4', 0, 0.15],
    ['NF4', 1, 0.12],
  ] as const)('are read: %s', async (kind, type, bound) => {
    const read = await openOnnx(memoryFiles(folder(type)));
    expect(read.layers[0]!.down.type).toContain(kind);
    const errors = await relativeErrors(read, await openOnnx(folderFiles(PHI4)));
    for (const [role, error] of Object.entries(errors).filter(([role]) => / \d/.test(role))) {
      expect(error, role).toBeLessThan(bound);
      expect(error, role).toBeGreaterThan(0);
    }
  });

  it.each<[string, (node: EditNode) => void, RegExp]>([
    ['another table', (node) => (node.attributes[3] = intAttribute('quant_type', 2)), /neither 0 \(FP4\) nor 1/],
    ['weights as they are multiplied', (node) => node.attributes.push(intAttribute('transB', 0)), /not transposed/],
    ['another size', (node) => (node.attributes[0] = intAttribute('N', 7)), /does not fit u8/],
  ])('are refused with %s', async (_, edit, message) => {
    const files = folder(1, (model) => edit(model.nodes.find(({ type }) => type === 'MatMulBnb4')!));
    await expect(openOnnx(memoryFiles(files))).rejects.toThrow(message);
  });
});

function rename(model: EditModel, from: string, to: string): void {
  for (const node of model.nodes) if (node.type === from) node.type = to;
}
