/** Keys and values of a sequence in MLTensors; see webnn/graph.ts for the two caches. */
import type { PhiConfig } from '../checkpoint/types.ts';
import { cacheLayout, valuePanel, type WebnnDialect } from './cache-layout.ts';
import { webnnScope, type MLGraph, type MLOperand, type MLTensor } from './api.ts';
import type { WebnnDevice } from './device.ts';

export interface Pair {
  key: MLTensor;
  value: MLTensor;
}

/** A graph that settles: writes up to `width` positions of one layer into its settled cache. It holds no weights. */
interface Settler {
  graph: MLGraph;
  width: number;
}

export class WebnnCache {
  readonly slots: number;
  /** Positions of the recent cache. */
  readonly recent: number;
  readonly #device: WebnnDevice;
  readonly #layers: Pair[];
  /** Takes the next settled tensors of whichever layer is written. */
  #spare: Pair;
  #near: Pair;
  #nextNear: Pair;
  readonly #layerIndex: MLTensor[];
  readonly #source: MLTensor; // int32 [slots]: which of the new positions a slot takes
  readonly #place: MLTensor; // [slots, 1]: 1 where it takes one
  readonly #keep: MLTensor; // [slots, 1]: 1 where it does not
  readonly #settlers: ReadonlyMap<number, Settler>;
  /** Positions `[0, base)` are settled. */
  #base = 0;
  /** Positions `[base, base + count)` are recent. */
  #count = 0;

  private constructor(
    device: WebnnDevice,
    slots: number,
    recent: number,
    tensors: {
      layers: Pair[];
      spare: Pair;
      near: [Pair, Pair];
      layerIndex: MLTensor[];
      source: MLTensor;
      place: MLTensor;
      keep: MLTensor;
    },
    settlers: ReadonlyMap<number, Settler>,
  ) {
    this.#device = device;
    this.slots = slots;
    this.recent = recent;
    this.#layers = tensors.layers;
    this.#spare = tensors.spare;
    [this.#near, this.#nextNear] = tensors.near;
    this.#layerIndex = tensors.layerIndex;
    this.#source = tensors.source;
    this.#place = tensors.place;
    this.#keep = tensors.keep;
    this.#settlers = settlers;
  }

  /** `widths`: numbers of positions that `settleRun` will be given. */
  static async create(
    device: WebnnDevice,
    config: PhiConfig,
    slots: number,
    recent: number,
    widths: readonly number[],
    dialect: WebnnDialect,
  ): Promise<WebnnCache> {
    const layout = cacheLayout(config, slots, recent, dialect);
    const settled = async (): Promise<Pair> => ({
      key: await device.tensor(layout.dtype, layout.key),
      value: await device.tensor(layout.dtype, layout.value),
    });
    const near = async (): Promise<Pair> => ({
      key: await device.tensor(layout.dtype, layout.recentKey),
      value: await device.tensor(layout.dtype, layout.recentValue),
    });
    const layers: Pair[] = [];
    const layerIndex: MLTensor[] = [];
    for (let l = 0; l < config.layers; l++) {
      layers.push(await settled());
      const index = await device.tensor('int32', [1]);
      device.context.writeTensor(index, Int32Array.of(l));
      layerIndex.push(index);
    }
    const settlers = new Map<number, Settler>();
    for (const width of new Set([recent, ...widths]))
      settlers.set(width, { width, graph: await settlerGraph(device, config, slots, width, dialect) });
    return new WebnnCache(
      device,
      slots,
      recent,
      {
        layers,
        spare: await settled(),
        near: [await near(), await near()],
        layerIndex,
        source: await device.tensor('int32', [slots]),
        place: await device.tensor('float32', [slots, 1]),
        keep: await device.tensor('float32', [slots, 1]),
      },
      settlers,
    );
  }

  /** Settled tensors under the names of the network's inputs. */
  get settledInputs(): Record<string, MLTensor> {
    return Object.fromEntries(
      this.#layers.flatMap(({ key, value }, l) => [
        [`key.${l}`, key],
        [`value.${l}`, value],
      ]),
    );
  }

  get recentInputs(): Record<string, MLTensor> {
    return { recent_key: this.#near.key, recent_value: this.#near.value };
  }

  /** The outputs of a run: the recent cache with the run's tokens added. `advance` makes them the recent cache. */
  get recentOutputs(): Record<string, MLTensor> {
    return { new_key: this.#nextNear.key, new_value: this.#nextNear.value };
  }

  /** Forgets what lies at `past` and behind, and makes room for `tokens` more in the recent cache, or in the settled one when `recent` is false. */
  begin(past: number, tokens: number, recent: boolean): { base: number; count: number } {
    this.#count = Math.max(0, past - this.#base);
    this.#base = Math.min(this.#base, past);
    if (this.#count > 0 && (!recent || this.#count + tokens > this.recent))
      this.#settle(this.#near, this.recent, this.#count);
    return { base: this.#base, count: this.#count };
  }

  /** Call after the run that wrote `recentOutputs`, with the number of tokens it added. */
  advance(tokens: number): void {
    [this.#near, this.#nextNear] = [this.#nextNear, this.#near];
    this.#count += tokens;
  }

  /** Settles the first `tokens` of a run's own keys and values `[layers, kvHeads, width, headDim]`. */
  settleRun(pair: Pair, width: number, tokens: number): void {
    this.#settle(pair, width, tokens);
  }

  /** One layer's settled tensors, with everything before `slot` in them. */
  settled(layer: number, slot: number): Pair {
    if (slot > this.#base) this.begin(slot, 0, false);
    return this.#layers[layer]!;
  }

  /** The settled tensors of each layer, to be written from outside. Nothing counts as cached until `filled` says how much is. */
  get layers(): readonly Pair[] {
    return this.#layers;
  }

  /** The settled tensors hold these first slots, and no others. */
  filled(count: number): void {
    this.#base = count;
    this.#count = 0;
  }

  #settle(from: Pair, width: number, tokens: number): void {
    const { context } = this.#device;
    const inside = (slot: number) => slot >= this.#base && slot < this.#base + tokens;
    const slots = Array.from({ length: this.slots }, (_, slot) => slot);
    context.writeTensor(
      this.#source,
      Int32Array.from(slots, (slot) => (inside(slot) ? slot - this.#base : 0)),
    );
    context.writeTensor(
      this.#place,
      Float32Array.from(slots, (slot) => (inside(slot) ? 1 : 0)),
    );
    context.writeTensor(
      this.#keep,
      Float32Array.from(slots, (slot) => (inside(slot) ? 0 : 1)),
    );
    const { graph } = this.#settlers.get(width)!;
    for (const [l, pair] of this.#layers.entries()) {
      context.dispatch(
        graph,
        {
          key: pair.key,
          value: pair.value,
          new_key: from.key,
          new_value: from.value,
          layer: this.#layerIndex[l]!,
          source: this.#source,
          place: this.#place,
          keep: this.#keep,
        },
        { out_key: this.#spare.key, out_value: this.#spare.value },
      );
      this.#layers[l] = this.#spare;
      this.#spare = pair;
    }
    this.#base += tokens;
    this.#count = 0;
  }

  destroy(): void {
    for (const { graph } of this.#settlers.values()) graph.destroy();
  }
}

/**
 * Takes the key and value tensors of one layer and a run's or the recent cache's keys and values of all layers; writes what `source` names to the
 * slots where `place` is 1 and copies the others.
 */
function settlerGraph(
  device: WebnnDevice,
  config: PhiConfig,
  slots: number,
  width: number,
  dialect: WebnnDialect,
): Promise<MLGraph> {
  const { kvHeads, headDim } = config;
  const layout = cacheLayout(config, slots, width, dialect);
  const b = new webnnScope.MLGraphBuilder!(device.context);
  const input = (name: string, shape: readonly number[]) => b.input(name, { dataType: layout.dtype, shape });
  const layer = b.input('layer', { dataType: 'int32', shape: [1] });
  const source = b.input('source', { dataType: 'int32', shape: [slots] });
  const flag = (name: string) => {
    const given = b.input(name, { dataType: 'float32', shape: [slots, 1] });
    return layout.dtype === 'float32' ? given : b.cast(given, layout.dtype);
  };
  const place = flag('place');
  const keep = flag('keep');
  const own = (name: string, dims: readonly number[]) =>
    b.reshape(b.gather(input(name, dims), layer, { axis: 0 }), dims.slice(1));
  const written = (cache: MLOperand, x: MLOperand, axis: number, flagShape: readonly number[]) => {
    const [kept, placed] = [keep, place].map((mask) => b.reshape(mask, flagShape)) as [MLOperand, MLOperand];
    return b.add(b.mul(cache, kept), b.mul(b.gather(x, source, { axis }), placed));
  };
  const column = [slots, 1];
  const key = written(input('key', layout.key), own('new_key', layout.recentKey), 1, column);
  const ownValue = own('new_value', layout.recentValue);
  const cachedValue = input('value', layout.value);
  if (dialect === 'npu') return b.build({ out_key: key, out_value: written(cachedValue, ownValue, 2, [1, slots]) });
  const panel = valuePanel(headDim);
  const panels = b.transpose(b.reshape(ownValue, [kvHeads, width, headDim / panel, panel]), {
    permutation: [0, 2, 1, 3],
  });
  return b.build({ out_key: key, out_value: written(cachedValue, panels, 2, column) });
}
