/** Every tiny model in the form that holds its file exactly, in float16 and in float32, against the file's own reference. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { checkCase } from '../../../scripts/cli/evaluate/check.ts';
import { selectModel } from '../../../scripts/cli/evaluate/model-files.ts';
import type { WeightFormat } from '../../../workers/shared/protocol.ts';
import { folder, gguf, pathOf, present, readExpected, safetensors, type Model } from '../../support/fixtures.ts';
import { startGpuHost, type GpuHost } from '../host.ts';
import { needDevice } from '../device.ts';

const FLOAT16_TOLERANCE = 0.06;
const FLOAT32_TOLERANCE = 0.02;
/** Graphs that were published in float16 computed their reference with other roundings. */
const OTHER_ROUNDINGS = 0.1;
const CONTEXT = 128;

const KINDS = ['phi3-mini-4k', 'phi3.5-mini', 'phi4-mini', 'phi4'];

const EXACT: [Model, WeightFormat][] = [
  ...KINDS.flatMap((kind): [Model, WeightFormat][] => [
    [gguf(kind, 'q8_0'), 'int8-blocks'],
    [gguf(kind, 'q6_k'), 'int8-blocks'],
    [gguf(kind, 'q4_0'), 'int4'],
    [gguf(kind, 'q4_1'), 'int4'],
    [gguf(kind, 'q4_k_m'), 'int4'],
    [safetensors(kind), 'float16'],
    [folder(`${kind}/onnx-cpu-int4`), 'int4'],
  ]),
  [gguf('phi4-mini', 'q5_k_m'), 'int8-blocks'],
  [gguf('phi4-mini', 'f16'), 'float16'],
  [folder('phi4-mini/openvino-int4'), 'int4'],
  [folder('phi4/openvino-int4-sym'), 'int4'],
  [folder('phi3.5-mini/openvino-int4-npu'), 'int4'],
  ...['phi3.5-mini', 'phi4-mini'].flatMap((kind): [Model, WeightFormat][] => [
    [folder(`${kind}/mlx-4bit`), 'int4'],
    [folder(`${kind}/mlx-8bit`), 'int8-blocks'],
  ]),
];
const PUBLISHED: [Model, WeightFormat][] = KINDS.map((kind) => [folder(`${kind}/onnx-webgpu-int4`), 'int4']);

let host: GpuHost;

beforeAll(async () => {
  host = await startGpuHost(await needDevice());
});
afterAll(() => host.close());

/** Logits, best tokens and greedy replies of all prompts. */
async function expectReference(
  model: Model,
  form: WeightFormat,
  tolerance: number,
  activations?: 'float32',
): Promise<void> {
  const engine = await host.open(await selectModel(pathOf(model)), {
    backend: 'webgpu',
    form,
    contextLength: CONTEXT,
    ...(activations && { activations }),
  });
  expect(engine.report).toMatchObject({ backend: 'webgpu', form, nodesOnWasm: 0, graphs: 1 });
  for (const [index, one] of readExpected(model.expected).cases.entries()) {
    const report = await checkCase(engine, one, index, tolerance);
    expect(report.problems, `${report.promptTokens} tokens`).toEqual([]);
  }
}

/** Those that are there: the repository's own, and more beside a clone that has `../shared/fixtures`. */
const named = (cases: [Model, WeightFormat][]) =>
  cases
    .filter(([model]) => present([model]).length > 0)
    .map(([model, form]) => [`${model.path} as ${form}`, model, form] as const);

describe('float16', () => {
  it.for(named(EXACT))('%s', async ([, model, form]) => {
    await expectReference(model, form, FLOAT16_TOLERANCE);
  });
  it.for(named(PUBLISHED))('%s, published in float16', async ([, model, form]) => {
    await expectReference(model, form, OTHER_ROUNDINGS);
  });
});

describe('float32 on a device with float16', () => {
  it.for(named(EXACT))('%s', async ([, model, form]) => {
    await expectReference(model, form === 'float16' ? 'float32' : form, FLOAT32_TOLERANCE, 'float32');
  });
});
