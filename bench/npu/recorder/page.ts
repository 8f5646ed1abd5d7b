/**
 * Runs in a browser with WebNN: has ONNX Runtime build one of the engine's graphs, as the engine does, and keeps the calls that reach
 * MLGraphBuilder. The browser checks each call and infers its shape; nothing is built, so it does not matter what the device behind it computes.
 */
import { webnnScope, type MLDataType, type MLGraph } from '../../../workers/engine/webnn/api.ts';
import { compile } from '../../../workers/engine/webnn/compile.ts';
import { loadOrt } from '../../../workers/engine/runtime/ort.ts';
import type { Argument, RecordedOperand, Recording, RecordRequest } from './recording.ts';

type Method = (this: object, ...args: unknown[]) => unknown;

/** Replaces the builder's methods by ones that keep a record. The page lives for one recording, so nothing is put back. */
function recordCalls(recording: Recording): void {
  const methods = webnnScope.MLGraphBuilder!.prototype as unknown as Record<string, Method>;
  const ids = new WeakMap<object, number>();
  let count = 0;
  const described = (operand: object): RecordedOperand => {
    const { dataType, shape } = operand as { dataType: MLDataType; shape: readonly number[] };
    ids.set(operand, count);
    return { id: count++, dataType, shape: [...shape] };
  };
  const argument = (value: unknown): Argument => {
    if (typeof value === 'bigint') return Number(value);
    if (value === null || value === undefined) return null;
    if (typeof value !== 'object') return value as Argument;
    const id = ids.get(value);
    if (id !== undefined) return { operand: id };
    if (value instanceof ArrayBuffer || ArrayBuffer.isView(value)) return { base64: base64(value) };
    if (Array.isArray(value)) return value.map(argument);
    return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, argument(inner)]));
  };
  for (const name of Object.getOwnPropertyNames(methods)) {
    const original = methods[name];
    if (name === 'constructor' || typeof original !== 'function') continue;
    methods[name] = function (...args) {
      const made = original.apply(this, args);
      recording.calls.push({
        method: name,
        args: args.map(argument),
        made: (Array.isArray(made) ? made : [made]).map((operand) => described(operand as object)),
      });
      return made;
    };
  }
  methods['build'] = (outputs) => {
    for (const [name, operand] of Object.entries(outputs as Record<string, object>))
      recording.outputs[name] = ids.get(operand)!;
    const graph: MLGraph = { destroy: () => undefined };
    return Promise.resolve(graph);
  };
}

function base64(value: ArrayBuffer | ArrayBufferView): string {
  const bytes =
    value instanceof ArrayBuffer
      ? new Uint8Array(value)
      : new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
  let text = '';
  for (let at = 0; at < bytes.length; at += 0x8000) text += String.fromCharCode(...bytes.subarray(at, at + 0x8000));
  return btoa(text);
}

async function record({ model, inputs, outputs, files }: RecordRequest): Promise<Recording> {
  const recording: Recording = { calls: [], outputs: {} };
  const { ml } = webnnScope.navigator;
  if (!ml) throw new Error('This browser has no WebNN.');
  const context = await ml.createContext({ deviceType: 'cpu' });
  recordCalls(recording);
  const bytes = async (path: string) => {
    const response = await fetch(path);
    if (!response.ok) throw new Error(`${path}: HTTP ${response.status}`);
    return new Uint8Array(await response.arrayBuffer());
  };
  const ort = await loadOrt('jspi', 1);
  const external = await Promise.all(files.map(async (path) => ({ path, data: await bytes(`graph/${path}`) })));
  await compile(ort, { context }, { model: await bytes(`graph/${model}`), inputs, outputs }, external);
  return recording;
}

declare global {
  interface Window {
    recordGraph: typeof record;
  }
}
window.recordGraph = record;
