/**
 * Every trick that is played on ONNX Runtime Web, or on the platform for its sake: whatever its documentation does not promise. Each tells the
 * version in which it was found and the test that fails when it is no longer needed. e2e/long/ort-quirks.test.ts (`npm run test:quirks`) runs
 * ONNX Runtime without the tricks. ort-quirks.test.ts fails when the version changes, until somebody has run that and gone through this file.
 */
import type { Graph, Value } from '../graph/onnx.ts';

/** The version of onnxruntime-web with which all of this was last looked at. */
export const LOOKED_AT = '1.31.0-dev.20260914-8d85527a0';

type Method = (this: object, ...args: unknown[]) => unknown;

// --- Sessions

let creating: Promise<unknown> = Promise.resolve();

/**
 * Makes sessions one after another. 1.31 (jspi build) keeps the external data of the session that is being made in one place, and the end of one
 * session takes it from another: "Module.MountedFiles is not available", "null function".
 * No longer needed when this fails: e2e/long/ort-quirks.test.ts, "sessions that are made at the same time lose their external data".
 */
export function oneAtATime<T>(make: () => Promise<T>): Promise<T> {
  const made = creating.then(make, make);
  creating = made;
  return made;
}

/**
 * Makes objects with the prototype `prototype` pass as Blobs. 1.31 (jspi build) streams external data from whatever is `instanceof Blob`, by
 * `slice(start, end).stream()` for each tensor, and from nothing else without a copy in memory. Real Blobs cost a message to the browser's
 * process each: 0.8 s of the 1.4 s in which a session of the starter was made.
 * When ONNX Runtime reads external data in another way, this fails: e2e/long/ort-quirks.test.ts, "external data is sliced and streamed".
 */
export function passAsBlob(prototype: object): void {
  Object.setPrototypeOf(prototype, Blob.prototype);
}

/** How often 1.31 reads `enableGraphCapture` for the provider's options. The read after these is for the session's own. */
const PROVIDER_READS = 4;

/**
 * Turns graph capture on for the WebGPU provider alone. 1.31, told of it too, binds a session's tensors at the first run for good, and a run of
 * another shape (a prompt) then uses buffers that are gone. So the option is true while the provider's options are read, and false when the
 * session's own are. `gpu_graph_id` then says of each run whether it is captured.
 * No longer needed when this fails: e2e/long/ort-quirks.test.ts, "a session with graph capture takes one shape only".
 */
export function captureInProvider<T extends object>(options: T): T & { enableGraphCapture: boolean } {
  let reads = 0;
  return Object.defineProperty(options, 'enableGraphCapture', {
    enumerable: true,
    get: () => ++reads <= PROVIDER_READS,
  }) as T & { enableGraphCapture: boolean };
}

/** The smallest and largest size of 1.31's memory, in pages: how it is told from others. */
const RUNTIME_PAGES = { initial: 256, maximum: 65_536 };
let memoryOfRuntime: WebAssembly.Memory | undefined;

/**
 * From now on the memory that ONNX Runtime makes for itself is known. 1.31 does not hand it out, and copies every input and output of a run. Kernels of
 * our own read the weights in it (wasm/step).
 * If ONNX Runtime changes this, this fails: e2e/long/ort-quirks.test.ts, "weights are copied into a memory that is not handed out".
 */
export function watchMemory(): void {
  const { Memory } = WebAssembly;
  WebAssembly.Memory = new Proxy(Memory, {
    construct(target, [descriptor]: [WebAssembly.MemoryDescriptor]) {
      const memory = new target(descriptor);
      if (descriptor.initial === RUNTIME_PAGES.initial && descriptor.maximum === RUNTIME_PAGES.maximum) {
        memoryOfRuntime = memory;
        WebAssembly.Memory = Memory;
      }
      return memory;
    },
  });
}

/** ONNX Runtime's memory in this worker; undefined before its first session, or if it was not seen. */
export const runtimeMemory = (): WebAssembly.Memory | undefined => memoryOfRuntime;

/**
 * Calls `onCopy` for all bytes that JavaScript copies into ONNX Runtime's memory, until the returned function is called. 1.31 puts an initialiser's external
 * data where it stays for as long as the session lives, by one `Uint8Array.prototype.set` each.
 * If ONNX Runtime changes this, this fails: e2e/long/ort-quirks.test.ts, "weights are copied into a memory that is not handed out".
 */
export function onRuntimeCopies(onCopy: (address: number, source: Uint8Array) => void): () => void {
  const prototype = Uint8Array.prototype as Partial<Uint8Array>;
  const set = Object.getOwnPropertyDescriptor(Object.getPrototypeOf(prototype), 'set')!.value as Method; // of all typed arrays
  prototype.set = function (this: Uint8Array, source, offset = 0) {
    set.call(this, source, offset);
    if (source instanceof Uint8Array && this.buffer === memoryOfRuntime?.buffer)
      onCopy(this.byteOffset + offset, source);
  };
  return () => {
    delete prototype.set;
  };
}

// --- WebGPU

/** `var name : type;` inside a function. Variables of a module name their address space (`var<private>`) and are left alone. */
const UNINITIALISED = /\bvar\s+(\w+)\s*:\s*([^;=\n]+?)\s*;/g;
/** Types without a zero value. */
const HANDLE = /^(texture|sampler|ptr)/;

/** The same program with every local variable set to zero explicitly, which means the same. */
export function initialiseVariables(code: string): string {
  return code.replace(UNINITIALISED, (declaration, name: string, type: string) =>
    HANDLE.test(type) ? declaration : `var ${name} : ${type} = ${type}();`,
  );
}

/** Marks of ONNX Runtime's kernel for matrices of floats, where it computes in float16 by fours or one by one, without a factor. */
const FLOAT_MATRICES = /var<workgroup> mm_Asub: array<array<(vec4<)?output_element_t\b/;
const IN_FLOAT16 = 'alias output_element_t = f16;';
const WITH_FACTOR = 'output_element_t(uniforms.alpha) * acc';

/**
 * The kernel for matrices of floats, summing in float32; any other program as it is. 1.31 does this for quantised matrices alone
 * (`enableMatmulFp32Accumulation`), and sums the products of float16 matrices in float16: 8,192 of them lose about 1 %, and overflow sooner.
 * No longer needed when the float16 forms of e2e/gpu/long/exact.test.ts pass without it.
 */
export function sumInFloat32(code: string): string {
  const mark = FLOAT_MATRICES.exec(code);
  if (!mark || !code.includes(IN_FLOAT16) || code.includes(WITH_FACTOR)) return code;
  const wide = mark[1] ? 'vec4<f32>' : 'f32';
  return code
    .replace(/\bvar (acc|BCached)\b[^;]*;/g, (declared) => declared.replaceAll('output_element_t', 'f32'))
    .replace(/\blet ([AB]Cached\d?) =([^;]+);/g, `let $1 = ${wide}($2);`)
    .replace(/\bBCached\[inner\] =([^;]+);/g, 'BCached[inner] = f32($1);')
    .replace(/\bmm_write\(([^;]*), (acc\[[^;]*\])\);/g, 'mm_write($1, output_value_t($2));');
}

/**
 * Mends every shader that is compiled on `device` from now on: by `sumInFloat32`, and by setting local variables to zero. WGSL sets `var x : T;` to
 * zero each time that the declaration is reached. Dawn's SPIR-V (Chromium 153 on SwiftShader, Dawn for Node 0.6.2 on lavapipe, so Linux and Android)
 * sets it once, when the function begins. ONNX Runtime 1.31's attention for prompts sums its scores in such variables inside a loop, and every prompt
 * of more keys than one subgroup came out wrong.
 * No longer needed when this fails: e2e/long/ort-quirks.test.ts, "a local variable keeps its value from one pass of a loop to the next".
 */
export function mendShadersOn(device: GPUDevice): void {
  const create = device.createShaderModule.bind(device);
  device.createShaderModule = (descriptor) =>
    create({ ...descriptor, code: initialiseVariables(sumInFloat32(descriptor.code)) });
}

/** Keys that 1.31's attention for prompts takes from one subgroup at a time. */
const SMALLEST_SUBGROUP = 8;

/**
 * Features to ask an adapter for. On subgroups of fewer than 8 (SwiftShader: 4), 1.31's attention for prompts computes wrong results, so the
 * device is opened without them.
 * No longer needed when this fails: e2e/long/ort-quirks.test.ts, "attention is wrong on small subgroups".
 */
export const gpuFeatures = ({ subgroupMinSize }: GPUAdapterInfo): GPUFeatureName[] =>
  subgroupMinSize >= SMALLEST_SUBGROUP ? ['shader-f16', 'subgroups'] : ['shader-f16'];

// --- WebNN

export interface BuiltGraph<G> {
  graph: G;
  /** Names, in no order. */
  inputs: Set<string>;
  outputs: string[];
}

/**
 * Returns every MLGraph that is built while `work` runs; `prototype` is MLGraphBuilder's. 1.31 has no way to ask for them, and dispatching
 * without its session saves copies of names and handles of 60 tensors a run, and the wrapper that it keeps of every external tensor of every run.
 *
 * An exception in a builder's method aborts ONNX Runtime's WebAssembly for good and without a reason. So the first one is kept and thrown in the
 * end, and ONNX Runtime gets something of the right kind to go on with.
 * No longer needed when this fails: e2e/long/ort-quirks.test.ts, "an exception in MLGraphBuilder loses its reason".
 */
export async function recordGraphs<G extends { destroy(): void }>(
  prototype: object,
  work: () => Promise<void>,
): Promise<BuiltGraph<G>[]> {
  const methods = prototype as Record<string, Method>;
  const names = Object.getOwnPropertyNames(methods).filter(
    (name) => name !== 'constructor' && typeof methods[name] === 'function',
  );
  const originals = new Map(names.map((name) => [name, methods[name]!]));
  const inputs = new WeakMap<object, Set<string>>();
  const built: BuiltGraph<G>[] = [];
  let failed: { error: unknown } | undefined;
  let operand: unknown;
  for (const [name, method] of originals) {
    methods[name] = function (...args) {
      try {
        const made = method.apply(this, args);
        if (name === 'input') inputs.set(this, (inputs.get(this) ?? new Set()).add(args[0] as string));
        operand = made;
        return made;
      } catch (error) {
        failed ??= { error };
        return name === 'split' ? new Array<unknown>(64).fill(operand) : operand;
      }
    };
  }
  methods['build'] = async function (...args) {
    try {
      if (failed) throw failed.error;
      const graph = (await originals.get('build')!.apply(this, args)) as G;
      built.push({ graph, inputs: inputs.get(this) ?? new Set(), outputs: Object.keys(args[0] as object) });
      return graph;
    } catch (error) {
      failed ??= { error };
      return {}; // never run: the session is released
    }
  };
  try {
    await work();
    if (failed) throw failed.error;
    return built;
  } catch (error) {
    for (const { graph } of built) graph.destroy();
    throw failed ? failed.error : error;
  } finally {
    for (const [name, method] of originals) methods[name] = method;
  }
}

/**
 * Integer `codes` times one `scale`. The zero point of 0 is spelled out because 1.31, left to itself, gives WebNN one whose shape differs from the scale's.
 * No longer needed when this fails: e2e/long/ort-quirks.test.ts, "a missing int4 zero point gets another shape than its scale".
 */
export function scaledCodes(g: Graph, codes: Value, dtype: 'int4' | 'int8', scale: number): Value {
  const zero = g.tensor(g.fresh('zero'), dtype, [], Uint8Array.of(0));
  return g.op('DequantizeLinear', [codes, g.float(scale), zero]);
}
