/** The graphs of one network on one device: how each is built, and those for prefill, which share the layers' weights as tensors. */
import type { PhiConfig } from '../checkpoint/types.ts';
import type { WebnnPlan } from './weights.ts';
import { webnnGraph, type WebnnShape } from './graph.ts';
import { tensorRanges, type WeightGroup } from '../weights/plan.ts';
import type { DataFile } from '../runtime/data-file.ts';
import type { Ort } from '../runtime/ort.ts';
import type { MLTensor } from './api.ts';
import { compile } from './compile.ts';
import type { WebnnDevice } from './device.ts';
import type { EmbeddingRows } from '../weights/embedding-rows.ts';
import { runCost, visibleSlots } from './plan.ts';
import { Runner } from './runner.ts';

export interface Network {
  ort: Ort;
  device: WebnnDevice;
  config: PhiConfig;
  plan: WebnnPlan;
  embedding: EmbeddingRows;
  /** KV slots. */
  slots: number;
}

export type FilesByGroup = ReadonlyMap<WeightGroup, DataFile>;

/** Builds one graph. `weights`: the layers' matrices as tensors, for a shape that takes them as inputs. */
export async function buildRunner(
  network: Network,
  shape: WebnnShape,
  files: FilesByGroup,
  weights: Record<string, MLTensor> = {},
): Promise<Runner> {
  const { ort, device, config, plan, embedding } = network;
  const { model, inputs } = webnnGraph(config, plan, shape);
  const { norms, head, layers } = plan.groups;
  const groups = [...norms, ...(shape.head ? head : []), ...(shape.weights === 'constants' ? layers : [])];
  const outputs = ['new_key', 'new_value', ...(shape.head ? ['logits', 'summary'] : [])];
  const external = groups.map((group) => ({ path: group.location, data: files.get(group)! }));
  return Runner.create(
    device,
    config,
    shape,
    { inputs, graph: await compile(ort, device, { model, inputs, outputs }, external) },
    { embedding, weights },
  );
}

/** Wide graphs over shared weight tensors: several widths, each for as many settled positions as there are, built when first needed. */
export class PrefillGraphs {
  readonly widths: readonly number[];
  readonly #network: Network;
  readonly #norms: FilesByGroup;
  readonly #weights: Record<string, MLTensor>;
  readonly #runners = new Map<string, Runner>();

  private constructor(
    network: Network,
    widths: readonly number[],
    norms: FilesByGroup,
    weights: Record<string, MLTensor>,
  ) {
    this.widths = widths;
    this.#network = network;
    this.#norms = norms;
    this.#weights = weights;
  }

  /** Copies the layers' weights to the device and builds what a first prompt needs. Null when no width is asked for. */
  static async create(network: Network, widths: readonly number[], files: FilesByGroup): Promise<PrefillGraphs | null> {
    const fitting = widths.filter((width) => width <= network.slots);
    if (fitting.length === 0) return null;
    const norms = new Map(network.plan.groups.norms.map((group) => [group, files.get(group)!]));
    const graphs = new PrefillGraphs(
      network,
      fitting,
      norms,
      await weightTensors(network.device, network.plan.groups.layers, files),
    );
    for (const width of fitting) await graphs.runner(width, 0);
    return graphs;
  }

  /** The graph for `width` tokens behind `settled` positions. */
  async runner(width: number, settled: number): Promise<Runner> {
    const { slots } = this.#network;
    const visible = visibleSlots(settled, slots);
    const key = `${width}/${visible}`;
    let runner = this.#runners.get(key);
    if (!runner) {
      const shape: WebnnShape = { width, slots, visible, recent: 0, head: false, weights: 'inputs' };
      runner = await buildRunner(this.#network, shape, this.#norms, this.#weights);
      this.#runners.set(key, runner);
    }
    return runner;
  }

  /** See runCost. */
  costs(settled: number): Map<number, number> {
    return new Map(
      this.widths.map((width) => [width, runCost(width, true, visibleSlots(settled, this.#network.slots))]),
    );
  }

  destroy(): void {
    for (const runner of this.#runners.values()) runner.destroy();
  }
}

async function weightTensors(
  device: WebnnDevice,
  groups: WeightGroup[],
  files: FilesByGroup,
): Promise<Record<string, MLTensor>> {
  const tensors: Record<string, MLTensor> = {};
  for (const group of groups) {
    for (const { tensor, start, end } of tensorRanges(group)) {
      const held = await device.tensor(tensor.dtype as MLTensor['dataType'], tensor.dims);
      device.context.writeTensor(held, await files.get(group)!.slice(start, end).arrayBuffer());
      tensors[tensor.name] = held;
    }
  }
  return tensors;
}
