/** From ONNX to one MLGraph: ONNX Runtime's WebNN provider builds it, we keep it and dispatch it ourselves. */
import { PhiError } from '../../shared/errors.ts';
import { webnnScope, type MLGraph, type MLGraphBuilder, type MLOperand } from './api.ts';
import { makeSession, type ExternalData, type Ort } from '../runtime/ort.ts';
import type { WebnnDevice } from './device.ts';

interface Network {
  model: Uint8Array;
  inputs: string[];
  outputs: string[];
}

/**
 * Builds the network as one MLGraph whose inputs and outputs are those of the ONNX graph, by name; rejects when any node fell back.
 * The session is released at once: dispatching without it saves copies of names and handles of 60 tensors a run, and ONNX Runtime Web
 * 1.31 keeps a wrapper of every external tensor of every run.
 */
export async function compile(
  ort: Ort,
  device: WebnnDevice,
  network: Network,
  files: ExternalData[],
): Promise<MLGraph> {
  const built = await recordBuilds(async () => {
    const session = await makeSession(ort, network.model, {
      executionProviders: [{ name: 'webnn', context: device.context }],
      graphOptimizationLevel: 'disabled', // its fusions are for other providers
      logSeverityLevel: 3,
      extra: { session: { disable_cpu_ep_fallback: '1' } }, // a node that is left on the CPU is an error
      externalData: files,
    });
    await session.release();
  });
  const [graph] = built;
  const whole =
    built.length === 1 && graph && sameNames(graph.inputs, network.inputs) && sameNames(graph.outputs, network.outputs);
  if (!whole) {
    for (const { graph } of built) graph.destroy();
    throw new PhiError(
      'backend',
      `WebNN: the browser split the network into ${built.length} graphs and ran other operators between them.`,
      { graphs: built.length },
    );
  }
  return graph.graph;
}

const sameNames = (a: Iterable<string>, b: readonly string[]) => [...a].sort().join() === [...b].sort().join();

interface Built {
  graph: MLGraph;
  inputs: Set<string>;
  outputs: string[];
}

type Method = (this: MLGraphBuilder, ...args: unknown[]) => unknown;

/**
 * Every MLGraph that is built while `work` runs. An exception in a builder's method would abort ONNX Runtime's WebAssembly, for good and
 * without a reason; so the first one is kept and thrown in the end, and ONNX Runtime gets something of the right kind to go on with.
 */
async function recordBuilds(work: () => Promise<void>): Promise<Built[]> {
  const Builder = webnnScope.MLGraphBuilder!;
  const prototype = Builder.prototype as unknown as Record<string, Method>;
  const originals = Object.getOwnPropertyNames(prototype).filter(
    (name) => name !== 'constructor' && typeof prototype[name] === 'function',
  );
  const kept = new Map(originals.map((name) => [name, prototype[name]!]));
  const inputs = new WeakMap<MLGraphBuilder, Set<string>>();
  const built: Built[] = [];
  let failed: { error: unknown } | undefined;
  let operand: unknown;
  for (const [name, method] of kept) {
    prototype[name] = function (...args) {
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
  prototype['build'] = async function (...args) {
    const outputs = args[0] as Record<string, MLOperand>;
    try {
      if (failed) throw failed.error;
      const graph = (await kept.get('build')!.apply(this, args)) as MLGraph;
      built.push({ graph, inputs: inputs.get(this) ?? new Set(), outputs: Object.keys(outputs) });
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
    for (const [name, method] of kept) prototype[name] = method;
  }
}
