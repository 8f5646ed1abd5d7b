/** The part of WebNN that is used here (webmachinelearning/webnn, as Chromium 153 has it); TypeScript's libraries do not have it yet. */

export type MLDataType =
  'float32' | 'float16' | 'int32' | 'uint32' | 'int64' | 'uint64' | 'int8' | 'uint8' | 'int4' | 'uint4';

interface MLDescriptor {
  dataType: MLDataType;
  shape: readonly number[];
}

export interface MLTensor extends MLDescriptor {
  destroy(): void;
}

export interface MLGraph {
  /** The devices that really run the graph; Chromium only. */
  readonly devices?: readonly string[];
  destroy(): void;
}

/** An operand in a graph under construction. */
export interface MLOperand extends MLDescriptor {
  readonly brand?: never;
}

export interface MLContext {
  readonly lost: Promise<{ message: string }>;
  opSupportLimits(): { input: { dataTypes: readonly MLDataType[] } };
  createTensor(descriptor: MLDescriptor & { readable?: boolean; writable?: boolean }): Promise<MLTensor>;
  writeTensor(tensor: MLTensor, data: AllowSharedBufferSource): void;
  readTensor(tensor: MLTensor): Promise<ArrayBuffer>;
  /** Queued; errors show at the next read or as a lost context. */
  dispatch(graph: MLGraph, inputs: Record<string, MLTensor>, outputs: Record<string, MLTensor>): void;
  destroy(): void;
}

export interface MLGraphBuilder {
  input(name: string, descriptor: MLDescriptor): MLOperand;
  constant(descriptor: MLDescriptor, data: AllowSharedBufferSource): MLOperand;
  add(a: MLOperand, b: MLOperand): MLOperand;
  mul(a: MLOperand, b: MLOperand): MLOperand;
  cast(input: MLOperand, type: MLDataType): MLOperand;
  matmul(a: MLOperand, b: MLOperand): MLOperand;
  gemm(a: MLOperand, b: MLOperand, options?: { bTranspose?: boolean }): MLOperand;
  slice(input: MLOperand, starts: readonly number[], sizes: readonly number[]): MLOperand;
  reduceMax(input: MLOperand, options?: { axes?: readonly number[]; keepDimensions?: boolean }): MLOperand;
  reshape(input: MLOperand, shape: readonly number[]): MLOperand;
  gather(input: MLOperand, indices: MLOperand, options?: { axis?: number }): MLOperand;
  transpose(input: MLOperand, options?: { permutation?: readonly number[] }): MLOperand;
  build(outputs: Record<string, MLOperand>): Promise<MLGraph>;
}

interface WebnnScope {
  MLGraphBuilder?: { new (context: MLContext): MLGraphBuilder; prototype: MLGraphBuilder };
  navigator: { ml?: { createContext(options?: { deviceType?: 'npu' | 'gpu' | 'cpu' }): Promise<MLContext> } };
}

/** The worker's global scope with WebNN in it, where the browser has it. */
export const webnnScope = globalThis as unknown as WebnnScope;
