/** The graphs of one network on one device: how each is built, and those for prefill, which share the layers' weights as tensors. */
import type { PhiConfig } from '../checkpoint/types.ts';
import { fedTensors, graphGroups, type WebnnPlan } from './weights.ts';
import { webnnGraph, type WebnnShape } from './graph.ts';
import type { WeightGroup } from '../weights/plan.ts';
import type { DataFile } from '../runtime/data-file.ts';
import type { Ort } from '../runtime/ort.ts';
import type { MLTensor } from './api.ts';
import { compile } from './compile.ts';
import type { WebnnDevice } from './device.ts';
import type { EmbeddingRows } from '../weights/embedding-rows.ts';
import { runCost, visibleSlots } from './plan.ts';
import { Runner } from './runner.ts';
import { NEAR_SLOTS, StepGraphs } from './step-graphs.ts';

export interface Network {
  ort: Ort;
  device: WebnnDevice;
  config: PhiConfig;
  plan: WebnnPlan;
  embedding: EmbeddingRows;
  /** KV slots. */
  slots: number;
  /** Bytes of the plan's groups. */
  files: FilesByGroup;
  /** See WebnnShape. */
  scales: WebnnShape['scales'];
}

type FilesByGroup = ReadonlyMap<WeightGroup, DataFile>;

/** Builds one graph. `weights`: matrices as tensors, for a shape that takes them as inputs. */
export async function buildRunner(
  network: Network,
  shape: WebnnShape,
  weights: Record<string, MLTensor> = {},
): Promise<Runner> {
  const { ort, device, config, plan, embedding, files } = network;
  const { model, inputs } = webnnGraph(config, plan, shape);
  const outputs = ['new_key', 'new_value', ...(shape.head ? ['logits', 'summary'] : [])];
  const fed = new Set(fedTensors(plan, shape).map(({ tensor }) => tensor.name));
  const external = graphGroups(plan, shape)
    .filter(({ tensors }) => tensors.some(({ name }) => !fed.has(name)))
    .map((group) => ({ path: group.location, data: files.get(group)! }));
  return Runner.create(
    device,
    config,
    shape,
    { inputs, graph: await compile(ort, device, { model, inputs, outputs }, external) },
    { embedding, weights },
  );
}

/** The graphs of single tokens beside a wider main one of shape `shape`. `weights`: as buildRunner. */
export async function buildSteps(
  network: Network,
  shape: WebnnShape,
  weights: Record<string, MLTensor>,
): Promise<StepGraphs<Runner>> {
  const nearSlots = Math.min(NEAR_SLOTS, network.slots);
  const build = (visible: number) => buildRunner(network, { ...shape, width: 1, visible }, weights);
  return new StepGraphs(
    await build(nearSlots),
    nearSlots,
    nearSlots < network.slots ? () => build(network.slots) : null,
  );
}

/** The matrices that graphs of this network share, as tensors on the device. */
export async function sharedWeights(
  { device, plan, files }: Network,
  head: boolean,
): Promise<Record<string, MLTensor>> {
  const tensors: Record<string, MLTensor> = {};
  for (const { group, tensor, start, end } of fedTensors(plan, { weights: 'inputs', head })) {
    const held = await device.tensor(tensor.dtype as MLTensor['dataType'], tensor.dims);
    device.context.writeTensor(held, await files.get(group)!.slice(start, end).arrayBuffer());
    tensors[tensor.name] = held;
  }
  return tensors;
}

/** Wide graphs over shared weight tensors: several widths, each for as many settled positions as there are, built when first needed. */
export class PrefillGraphs {
  readonly widths: readonly number[];
  readonly #network: Network;
  readonly #weights: Record<string, MLTensor>;
  readonly #runners = new Map<string, Runner>();

  private constructor(network: Network, widths: readonly number[], weights: Record<string, MLTensor>) {
    this.widths = widths;
    this.#network = network;
    this.#weights = weights;
  }

  /** Builds what a first prompt needs. `weights`: as sharedWeights. Null when no width fits into the slots. */
  static async create(
    network: Network,
    widths: readonly number[],
    weights: () => Promise<Record<string, MLTensor>>,
  ): Promise<PrefillGraphs | null> {
    const fitting = widths.filter((width) => width <= network.slots);
    if (fitting.length === 0) return null;
    const graphs = new PrefillGraphs(network, fitting, await weights());
    for (const width of fitting) await graphs.runner(width, 0);
    return graphs;
  }

  /** The graph for `width` tokens behind `settled` positions. */
  async runner(width: number, settled: number): Promise<Runner> {
    const { slots, plan, scales } = this.#network;
    const visible = visibleSlots(settled, slots);
    const key = `${width}/${visible}`;
    let runner = this.#runners.get(key);
    if (!runner) {
      const { dialect } = plan;
      const shape: WebnnShape = { dialect, width, slots, visible, recent: 0, head: false, weights: 'inputs', scales };
      runner = await buildRunner(this.#network, shape, this.#weights);
      this.#runners.set(key, runner);
    }
    return runner;
  }

  /** See runCost. */
  costs(settled: number): Map<number, number> {
    const { slots, plan } = this.#network;
    const visible = visibleSlots(settled, slots);
    return new Map(this.widths.map((width) => [width, runCost(width, true, visible, plan.dialect)]));
  }

  destroy(): void {
    for (const runner of this.#runners.values()) runner.destroy();
  }
}
