import { describe, expect, it } from 'vitest';
import { openOnnx } from './onnx.ts';
import { referenceJson } from '../../../testing/references.ts';
import { readHfConfig } from '../hf-config.ts';
import { openSafetensors } from '../safetensors/safetensors.ts';
import { relativeErrors, weightDifference } from '../testing/compare.ts';
import { compareLogits, folderFiles, memoryFiles, presentFolders, readExpected } from '../testing/fixtures.ts';
import { intAttribute, type EditModel } from '../testing/onnx-edit.ts';
import { editedFolder, fuseGateUp, REWRITES, rewrittenFolder, transformersJsFolder } from '../testing/onnx-variants.ts';

const CPU = presentFolders(
  ['phi3-mini-4k', 'phi3.5-mini', 'phi4-mini', 'phi4'].map((kind) => `${kind}/onnx-cpu-int4`),
).map((folder) => ({ folder, tolerance: 0.01 }));
const HALF = presentFolders([
  'phi3-mini-4k/onnx-webgpu-int4',
  'phi3.5-mini/onnx-webgpu-int4',
  'phi4-mini/onnx-webgpu-int4',
  'phi4/onnx-webgpu-int4',
  'phi3.5-mini/onnx-dml-int4',
  'phi4-mini/onnx-dml-int4',
]).map((folder) => ({ folder, tolerance: 0.05 }));

/** Each takes a fraction of a second; the limit is for machines that are busy with other things. */
const options = { timeout: 120_000 };

describe('openOnnx', options, () => {
  it.each([...CPU, ...HALF])(
    'reads $folder: logits within $tolerance of its reference',
    async ({ folder, tolerance }) => {
      const checkpoint = await openOnnx(folderFiles(folder));
      const { error, greedyEqual } = await compareLogits(checkpoint, readExpected(`${folder}/expected.json`));
      expect(error).toBeLessThan(tolerance);
      expect(greedyEqual).toBe(true);
    },
  );

  it('reads the rotation back from float16 tables as config.json has it', async () => {
    const { config: truth } = readHfConfig(referenceJson('phi/phi4-mini/config.json'), null, 'config.json');
    for (const folder of presentFolders(['phi4-mini/onnx-webgpu-int4', 'phi4-mini/onnx-dml-int4'])) {
      const { config } = await openOnnx(folderFiles(folder));
      expect(config.rotaryDim).toBe(48);
      expect(config.ropeScaling?.originalContext).toBe(64);
      expect(config.ropeScaling?.attentionFactor).toBeCloseTo(truth.ropeScaling!.attentionFactor, 6);
      // The last position's angle is off by less than a float16 rounding.
      config.ropeScaling!.long.forEach((factor, i) => {
        const frequency = 10000 ** ((-2 * i) / 48);
        expect(Math.abs(frequency / factor - frequency / truth.ropeScaling!.long[i]!) * 511).toBeLessThan(2e-3);
      });
    }
    expect((await openOnnx(folderFiles('phi4/onnx-cpu-int4'))).config.ropeTheta).toBe(250000);
  });

  it('takes a tied head for the embedding itself, and the window from the operator', async () => {
    const tied = await openOnnx(folderFiles('phi4-mini/onnx-webgpu-int4'));
    expect(tied.head).toBe(tied.embedding);
    const windowed = editedFolder('phi3-mini-4k/onnx-webgpu-int4', (model) =>
      setAttribute(model, 'GroupQueryAttention', 'local_window_size', 64),
    );
    expect((await openOnnx(memoryFiles(windowed))).config.slidingWindow).toBe(64);
    expect((await openOnnx(folderFiles('phi3-mini-4k/onnx-webgpu-int4'))).config.slidingWindow).toBeNull();
  });

  it('reads the structure, the norms and a few rows of the tables, not the weights', async () => {
    const files = folderFiles('phi4/onnx-cpu-int4');
    await openOnnx(files);
    expect(files.get('model.onnx.data')!.bytesRead).toBeLessThan(20_000);
    // Weights and tables inside the .onnx are jumped over.
    const inline = memoryFiles(editedFolder('phi4-mini/onnx-webgpu-int4', () => undefined, []));
    let read = 0;
    const model = inline.get('model.onnx')!;
    await openOnnx(
      new Map([
        ...inline,
        ['model.onnx', { ...model, read: (offset, length) => ((read += length), model.read(offset, length)) }],
      ]),
    );
    expect(read).toBeLessThan(model.size / 2);
  });

  it('has the weights of the float model, but for quantisation', async () => {
    const errors = await relativeErrors(
      await openOnnx(folderFiles('phi4/onnx-cpu-int4')),
      await openSafetensors(folderFiles('phi4')),
    );
    for (const [role, error] of Object.entries(errors))
      expect(error, role).toBeLessThan(role === 'embedding' ? 1e-6 : 0.11);
  });
});

describe('openOnnx on other layouts', options, () => {
  it.each(Object.keys(REWRITES))('reads the same weights from: %s', async (rewrite) => {
    const source = await openOnnx(folderFiles('phi4/onnx-cpu-int4'));
    const read = await openOnnx(memoryFiles(rewrittenFolder('phi4/onnx-cpu-int4', rewrite)));
    expect(read.config).toEqual(source.config);
    expect(await weightDifference(read, source)).toBeLessThan(1e-6);
  });

  it('reads float16 scales, zero points and QDQ', async () => {
    const source = await openOnnx(folderFiles('phi4-mini/onnx-webgpu-int4'));
    for (const rewrite of ['zero points, block 16', 'float zero points', 'QDQ int4', 'QDQ uint4 transposed']) {
      const read = await openOnnx(memoryFiles(rewrittenFolder('phi4-mini/onnx-webgpu-int4', rewrite)));
      expect(await weightDifference(read, source), rewrite).toBeLessThan(1e-6);
    }
  });

  it('reads gate and up as one product, in either order', async () => {
    const source = await openOnnx(folderFiles('phi4/onnx-cpu-int4'));
    for (const upFirst of [false, true]) {
      const read = await openOnnx(
        memoryFiles(editedFolder('phi4/onnx-cpu-int4', (model) => fuseGateUp(model, upFirst))),
      );
      expect(await weightDifference(read, source)).toBeLessThan(1e-6);
    }
  });

  it('reads the layout of transformers.js in two parts, and weights inside the .onnx', async () => {
    const folder = 'phi4-mini/onnx-webgpu-int4';
    const source = await openOnnx(folderFiles(folder));
    const read = await openOnnx(memoryFiles(transformersJsFolder(folder)));
    expect(await weightDifference(read, source)).toBe(0);
    expect(read.config.context).toBe(512);
    expect(read.config.eos).toEqual([2]);
    expect(await weightDifference(await openOnnx(memoryFiles(editedFolder(folder, () => undefined, []))), source)).toBe(
      0,
    );
  });

  it('names what it does not run', async () => {
    const open = (edit: (model: EditModel) => void) => openOnnx(memoryFiles(editedFolder('phi4/onnx-cpu-int4', edit)));
    await expect(open((model) => setAttribute(model, 'MatMulNBits', 'bits', 2))).rejects.toMatchObject({
      code: 'unsupported-model',
      message: expect.stringMatching(/MatMulNBits ".*q.*_proj.*2 bits/) as string,
    });
    await expect(open((model) => setAttribute(model, 'GroupQueryAttention', 'rotary_interleaved', 1))).rejects.toThrow(
      /interleaved/,
    );
    await expect(open((model) => rename(model, 'Sigmoid', 'Tanh'))).rejects.toThrow(/SiLU/);
    await expect(open((model) => rename(model, 'GroupQueryAttention', 'LinearAttention'))).rejects.toThrow(
      /no attention operator/,
    );
    await expect(
      open((model) => model.nodes.find(({ type }) => type === 'MatMulNBits')!.inputs.push('', '', 'bias')),
    ).rejects.toThrow(/a bias/);
    const turned = editedFolder('phi4/onnx-cpu-int4', (model) => {
      model.nodes.find(({ type }) => type === 'MatMulNBits')!.inputs.push('', 'turned');
      model.tensors.push({ name: 'turned', type: 6, dims: [2], data: new Uint8Array(Int32Array.of(1, 0).buffer) });
    });
    await expect(openOnnx(memoryFiles(turned))).rejects.toThrow(/g_idx/);
    const files = rewrittenFolder('phi4/onnx-cpu-int4', '8 bits');
    files.delete('model.onnx.data');
    await expect(openOnnx(memoryFiles(files))).rejects.toMatchObject({
      code: 'bad-model',
      message: expect.stringContaining('model.onnx.data is missing') as string,
    });
  });
});

/** Sets a whole-number attribute of every node of a type. */
function setAttribute(model: EditModel, type: string, name: string, value: number): void {
  const mark = new TextEncoder().encode(name);
  for (const node of model.nodes.filter((candidate) => candidate.type === type)) {
    node.attributes = node.attributes.filter((bytes) => !Buffer.from(bytes).includes(Buffer.from(mark)));
    node.attributes.push(intAttribute(name, value));
  }
}

function rename(model: EditModel, from: string, to: string): void {
  for (const node of model.nodes) if (node.type === from) node.type = to;
}
