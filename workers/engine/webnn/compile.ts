/** From ONNX to one MLGraph: ONNX Runtime's WebNN provider builds it, we keep it and dispatch it ourselves. */
import { PhiError } from '../../shared/errors.ts';
import { recordGraphs } from '../runtime/ort-quirks.ts';
import { webnnScope, type MLContext, type MLGraph } from './api.ts';
import { makeSession, type ExternalData, type Ort } from '../runtime/ort.ts';

let lastBuild: Promise<unknown> = Promise.resolve();

/** Builds after what was asked for before: while ONNX Runtime builds a graph, every builder of the worker is watched (ort-quirks.ts). */
export function buildAlone<T>(build: () => Promise<T>): Promise<T> {
  const built = lastBuild.then(build);
  lastBuild = built.catch(() => undefined); // whoever asked for it hears of it
  return built;
}

interface Network {
  model: Uint8Array;
  inputs: string[];
  outputs: string[];
}

/**
 * Builds the network as one MLGraph whose inputs and outputs are those of the ONNX graph, by name; rejects when any node fell back.
 * The session is released at once; runtime/ort-quirks.ts says why.
 */
export function compile(
  ort: Ort,
  device: { readonly context: MLContext },
  network: Network,
  files: ExternalData[],
): Promise<MLGraph> {
  return buildAlone(() => compileNow(ort, device, network, files));
}

async function compileNow(
  ort: Ort,
  device: { readonly context: MLContext },
  network: Network,
  files: ExternalData[],
): Promise<MLGraph> {
  const built = await recordGraphs<MLGraph>(webnnScope.MLGraphBuilder!.prototype, async () => {
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
