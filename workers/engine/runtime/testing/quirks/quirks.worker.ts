/** ONNX Runtime and the platform as they are without ort-quirks.ts: what each trick is there for. See e2e/long/ort-quirks.test.ts. */
import { expose } from 'comlink';
import type { InferenceSession } from 'onnxruntime-web';
import { Graph } from '../../../graph/onnx.ts';
import { declare } from '../../../graph/external-data.ts';
import { materialise, type WeightGroup } from '../../../weights/plan.ts';
import { loadOrt, makeSession, type Ort } from '../../ort.ts';
import { withPlaces } from '../../weight-places.ts';

const NUMBERS = 4;
const ort = (): Promise<Ort> => loadOrt('jspi', 1);

const weights = (location: string): WeightGroup => ({
  location,
  tensors: [{ name: location, dtype: 'float32', dims: [NUMBERS] }],
  make: () => Promise.resolve([new Float32Array(NUMBERS).fill(1)]),
});

/** `y = x + w`, `w` in a file of that name. */
function sum(group: WeightGroup): Uint8Array {
  const g = new Graph('sum');
  declare(g, group);
  g.input('x', 'float32', [NUMBERS]);
  g.call(g.op('Add', ['x', group.location]), 'y');
  g.output('y', 'float32', [NUMBERS]);
  return g.toModel();
}

/** Of a product that ONNX Runtime's kernels could want in another order. */
const INPUTS = 64;

const int8Weights = (location: string): WeightGroup => ({
  location,
  tensors: [{ name: location, dtype: 'int8', dims: [INPUTS, INPUTS] }],
  make: () => Promise.resolve([new Int8Array(INPUTS * INPUTS).fill(1)]),
});

/** `y = x * w`, as layers have it. */
function product(group: WeightGroup): Uint8Array {
  const g = new Graph('product');
  declare(g, group);
  g.input('x', 'uint8', [1, INPUTS]);
  g.call(g.op('com.microsoft::MatMulIntegerToFloat', ['x', group.location, g.float(1), g.float(1)]), 'y');
  g.output('y', 'float32', [1, INPUTS]);
  return g.toModel();
}

/** `y = -x`, of any length. */
function negative(): Uint8Array {
  const g = new Graph('negative');
  g.input('x', 'float32', ['n']);
  g.call(g.op('Neg', ['x']), 'y');
  g.output('y', 'float32', ['n']);
  return g.toModel();
}

/** The reason of a failure; null where there is none. */
const failure = (work: Promise<unknown>): Promise<string | null> =>
  work.then(
    () => null,
    (error: unknown) => String(error),
  );

async function gpuDevice(): Promise<GPUDevice> {
  const adapter = await navigator.gpu.requestAdapter();
  if (!adapter) throw new Error('This browser has no GPU adapter.');
  return adapter.requestDevice();
}

async function readBack(device: GPUDevice, buffer: GPUBuffer, bytes: number): Promise<ArrayBuffer> {
  const copy = device.createBuffer({ size: bytes, usage: GPUBufferUsage.COPY_DST | GPUBufferUsage.MAP_READ });
  const encoder = device.createCommandEncoder();
  encoder.copyBufferToBuffer(buffer, 0, copy, 0, bytes);
  device.queue.submit([encoder.finish()]);
  await copy.mapAsync(GPUMapMode.READ);
  return copy.getMappedRange().slice(0);
}

interface Builder {
  [method: string]: (...args: never[]) => unknown;
}
interface Operand {
  shape: readonly number[];
}
const webnn = globalThis as unknown as {
  MLGraphBuilder: { prototype: Builder };
  navigator: { ml: { createContext(options: { deviceType: 'cpu' }): Promise<unknown> } };
};

async function webnnSession(model: Uint8Array): Promise<InferenceSession> {
  const runtime = await ort();
  const context = await webnn.navigator.ml.createContext({ deviceType: 'cpu' });
  const options = { executionProviders: [{ name: 'webnn', context }], logSeverityLevel: 3 };
  return runtime.InferenceSession.create(model, options as InferenceSession.SessionOptions);
}

const quirks = {
  /** The product of ones and int8 weights that were 1, after the place to which they were copied was overwritten with 5. */
  async weightOverwritten(): Promise<number> {
    const runtime = await ort();
    const group = int8Weights('w');
    const data = [{ path: 'w', data: await materialise(group) }];
    const { made: session, weights: found } = await withPlaces([group], data, (externalData) =>
      makeSession(runtime, product(group), { executionProviders: ['wasm'], externalData }),
    );
    new Int8Array(found!.memory.buffer, found!.places.get('w'), INPUTS * INPUTS).fill(5);
    const { y } = await session.run({ x: new runtime.Tensor('uint8', new Uint8Array(INPUTS).fill(1), [1, INPUTS]) });
    return (y!.data as Float32Array)[0]!;
  },

  /** What became of two sessions that were made at the same time. */
  async twoSessionsAtOnce(): Promise<(string | null)[]> {
    const runtime = await ort();
    const create = async (location: string) => {
      const group = weights(location);
      const data = new Blob([await materialise(group)]);
      const options = { executionProviders: ['wasm'], externalData: [{ path: location, data }] };
      return runtime.InferenceSession.create(sum(group), options as InferenceSession.SessionOptions);
    };
    await create('first'); // ONNX Runtime itself is there by now
    return Promise.all([failure(create('a')), failure(create('b'))]);
  },

  /** What is done with the Blob of a session's external data. */
  async readsOfExternalData(): Promise<string[]> {
    const runtime = await ort();
    const reads: string[] = [];
    const watched = (blob: Blob, name: string): Blob =>
      Object.assign(blob, {
        slice: (start: number, end: number) => {
          reads.push(`${name}.slice(${start}, ${end})`);
          return watched(Blob.prototype.slice.call(blob, start, end), 'slice');
        },
        stream: () => {
          reads.push(`${name}.stream()`);
          return Blob.prototype.stream.call(blob);
        },
        arrayBuffer: () => {
          reads.push(`${name}.arrayBuffer()`);
          return Blob.prototype.arrayBuffer.call(blob);
        },
      });
    const group = weights('w');
    const data = watched(new Blob([await materialise(group)]), 'blob');
    const options = { executionProviders: ['wasm'], externalData: [{ path: 'w', data }] };
    await runtime.InferenceSession.create(sum(group), options as InferenceSession.SessionOptions);
    return reads;
  },

  /** `-x` of one number twice, then of four, by a session that was told of graph capture itself; or why it could not. */
  async captureInSession(): Promise<number[][] | string> {
    const runtime = await ort();
    const device = await gpuDevice();
    const session = await runtime.InferenceSession.create(negative(), {
      executionProviders: [{ name: 'webgpu', device }],
      enableGraphCapture: true,
      preferredOutputLocation: 'gpu-buffer',
    });
    const results: number[][] = [];
    const run = async (length: number, graph: string) => {
      const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;
      const [x, y] = [device.createBuffer({ size: 16, usage }), device.createBuffer({ size: 16, usage })];
      device.queue.writeBuffer(x, 0, new Float32Array(NUMBERS).fill(3));
      const tensor = (buffer: GPUBuffer) =>
        runtime.Tensor.fromGpuBuffer(buffer, { dataType: 'float32', dims: [length] });
      await session.run({ x: tensor(x) }, { y: tensor(y) }, { extra: { gpu_graph_id: graph } });
      results.push([...new Float32Array(await readBack(device, y, 4 * length))]);
      x.destroy();
      y.destroy();
    };
    try {
      await run(1, '1');
      await run(NUMBERS, '-1');
    } catch (error) {
      return String(error);
    }
    return results;
  },

  /** A local variable that is declared inside a loop of four passes and counted up once in each: 1 by WGSL. */
  async variableInLoop(): Promise<number> {
    const device = await gpuDevice();
    const code = `
      @group(0) @binding(0) var<storage, read_write> out : array<u32>;
      @compute @workgroup_size(1) fn main(@builtin(global_invocation_id) id : vec3<u32>) {
        var most = 0u;
        for (var i = 0u; i < 4u + id.x; i++) {
          var count : array<u32, 2>;
          count[i & 1u] += 1u;
          most = max(most, count[0] + count[1]);
        }
        out[0] = most;
      }`;
    const pipeline = await device.createComputePipelineAsync({
      layout: 'auto',
      compute: { module: device.createShaderModule({ code }) },
    });
    const out = device.createBuffer({ size: 16, usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC });
    const encoder = device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    pass.setPipeline(pipeline);
    pass.setBindGroup(
      0,
      device.createBindGroup({
        layout: pipeline.getBindGroupLayout(0),
        entries: [{ binding: 0, resource: { buffer: out } }],
      }),
    );
    pass.dispatchWorkgroups(1);
    pass.end();
    device.queue.submit([encoder.finish()]);
    return new Uint32Array(await readBack(device, out, 4))[0]!;
  },

  /** What a session says when a method of MLGraphBuilder throws "the reason". */
  async throwingBuilder(): Promise<string | null> {
    webnn.MLGraphBuilder.prototype['neg'] = () => {
      throw new Error('the reason');
    };
    return failure(webnnSession(negativeOf(NUMBERS)));
  },

  /** Shapes of scale and zero point that WebNN gets for 4-bit codes with one scale and no zero point. */
  async int4WithoutZeroPoint(): Promise<{ scale: readonly number[]; zeroPoint: readonly number[] }> {
    let seen: { scale: readonly number[]; zeroPoint: readonly number[] } | undefined;
    const { prototype } = webnn.MLGraphBuilder;
    const original = prototype['dequantizeLinear'] as (...args: unknown[]) => unknown;
    prototype['dequantizeLinear'] = function (this: unknown, ...args: unknown[]) {
      const [, scale, zeroPoint] = args as Operand[];
      seen = { scale: scale!.shape, zeroPoint: zeroPoint!.shape };
      return original.apply(this, args);
    };
    const g = new Graph('int4');
    g.input('x', 'float32', [1, NUMBERS]);
    const codes = g.tensor('codes', 'int4', [NUMBERS, NUMBERS], new Uint8Array((NUMBERS * NUMBERS) / 2));
    g.call(g.op('MatMul', ['x', g.op('DequantizeLinear', [codes, g.float(1)])]), 'y');
    g.output('y', 'float32', [1, NUMBERS]);
    const said = await failure(webnnSession(g.toModel()));
    if (!seen) throw new Error(`ONNX Runtime did not call dequantizeLinear: ${said}`);
    return seen;
  },
};

/** As `negative`, of a fixed length: WebNN takes no other. */
function negativeOf(length: number): Uint8Array {
  const g = new Graph('negative');
  g.input('x', 'float32', [length]);
  g.call(g.op('Neg', ['x']), 'y');
  g.output('y', 'float32', [length]);
  return g.toModel();
}

export type Quirks = typeof quirks;
expose(quirks);
