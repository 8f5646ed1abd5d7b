/** See matmuls-webnn.ts. */
import { expose } from 'comlink';
import {
  webnnScope,
  type MLContext,
  type MLGraph,
  type MLOperand,
  type MLTensor,
} from '../../workers/engine/webnn/api.ts';
import { openCheckpoint } from '../../workers/engine/checkpoint/open.ts';
import type { Matrix } from '../../workers/engine/weights/matrix.ts';
import { blobSource } from '../../workers/store/bytes.ts';
import { dequantise } from '../../workers/engine/weights/rows.ts';

/** Rows of the output that are read: enough to wait for the run. */
const READ = 1;

let loaded: {
  context: MLContext;
  graph: MLGraph;
  inputs: Record<string, MLTensor>;
  outputs: Record<string, MLTensor>;
} | null = null;

const api = {
  /** Resolves with the devices that the browser names. */
  async load(modelUrl: string): Promise<string[]> {
    const blob = await (await fetch(modelUrl)).blob();
    const { config, layers, head } = await openCheckpoint(
      new Map([['starter.gguf', blobSource('starter.gguf', blob)]]),
    );
    const { ml, MLGraphBuilder } = { ml: webnnScope.navigator.ml, MLGraphBuilder: webnnScope.MLGraphBuilder };
    if (!ml || !MLGraphBuilder) throw new Error('This browser has no WebNN.');
    const context = await ml.createContext({ deviceType: 'cpu' });
    const b = new MLGraphBuilder(context);
    const inputs: Record<string, MLTensor> = {};
    const input = async (name: string, width: number): Promise<MLOperand> => {
      const descriptor = { dataType: 'float32', shape: [1, width] } as const;
      inputs[name] = await context.createTensor({ ...descriptor, writable: true });
      context.writeTensor(inputs[name], new Float32Array(width).fill(0.01));
      return b.input(name, descriptor);
    };
    const product = async (x: MLOperand, matrix: Matrix): Promise<MLOperand> => {
      const values = dequantise(await matrix.read(0, matrix.rows));
      return b.gemm(x, b.constant({ dataType: 'float32', shape: [matrix.rows, matrix.cols] }, values), {
        bTranspose: true,
      });
    };
    const part = (x: MLOperand, size: number) => b.slice(x, [0, 0], [1, size]);
    let x = await input('x', config.hidden);
    for (const layer of layers) {
      const qkv = await product(x, layer.qkv);
      const projected = await product(part(qkv, layer.output.cols), layer.output);
      x = await product(part(await product(projected, layer.gateUp), layer.down.cols), layer.down);
    }
    const logits = await product(x, head);
    const graph = await b.build({ y: b.slice(logits, [0, 0], [1, READ]) });
    const y = await context.createTensor({ dataType: 'float32', shape: [1, READ], readable: true });
    loaded = { context, graph, inputs, outputs: { y } };
    return [...(graph.devices ?? [])];
  },

  async run(runs: number, onRun: (runs: number) => void): Promise<void> {
    const { context, graph, inputs, outputs } = loaded!;
    for (let i = 1; i <= runs; i++) {
      context.dispatch(graph, inputs, outputs);
      await context.readTensor(outputs['y']!);
      onRun(i);
    }
  },
};

export type MatmulsApi = typeof api;
expose(api);
