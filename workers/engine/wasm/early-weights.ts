/** Weights of a model that is still being downloaded: each group is made when its bytes are there. */
import { span } from '../../shared/span.ts';
import type { Checkpoint } from '../checkpoint/types.ts';
import type { Matrix } from '../weights/matrix.ts';
import { heldOrNot, type FileBytes } from '../runtime/data-file.ts';
import type { PrepareProgress } from '../runtime/ort.ts';
import { layout, materialise, type WeightGroup } from '../weights/plan.ts';
import { panels } from './weight-groups.ts';
import { wasmWeights } from './weights.ts';

export class EarlyWeights {
  readonly #groups: readonly WeightGroup[];
  readonly #made: Promise<FileBytes[]>;
  /** In bytes. */
  readonly #total: number;
  #done = 0;
  #onProgress: PrepareProgress | undefined;

  /** Begins at once. `signal` ends it between two groups. */
  constructor(checkpoint: Checkpoint, signal: AbortSignal) {
    this.#groups = wasmWeights(checkpoint, 'int8');
    this.#total = this.#groups.reduce((sum, group) => sum + layout(group).bytes, 0);
    this.#made = span('early weights', () => this.#make(checkpoint, signal));
    this.#made.catch(() => undefined); // `take` falls back
  }

  /** The files of `groups` once all are made; null if making failed or other groups are requested: then the caller makes them. */
  async take(groups: readonly WeightGroup[], onProgress?: PrepareProgress): Promise<FileBytes[] | null> {
    if (!sameGroups(groups, this.#groups)) return null;
    this.#onProgress = onProgress;
    this.#tell();
    // The caller meets the failure again, and reports it.
    return this.#made.catch(() => null);
  }

  #tell(): void {
    this.#onProgress?.(this.#done, this.#total);
  }

  async #make(checkpoint: Checkpoint, signal: AbortSignal): Promise<FileBytes[]> {
    const made = new Map<WeightGroup, FileBytes>();
    await makeAsTheyArrive(checkpoint, this.#groups, signal, (group, bytes) => {
      made.set(group, heldOrNot(bytes, this.#total));
      this.#done += bytes.length;
      this.#tell();
    });
    return this.#groups.map((group) => made.get(group)!);
  }
}

/** Makes groups one after another: of those whose bytes are there, the first in the graph. `signal` ends it between two groups. */
export async function makeAsTheyArrive(
  checkpoint: Checkpoint,
  groups: readonly WeightGroup[],
  signal: AbortSignal,
  onMade: (group: WeightGroup, bytes: Uint8Array<ArrayBuffer>) => void | Promise<void>,
): Promise<void> {
  signal.throwIfAborted();
  const arrives = arrivals(checkpoint);
  const stopped = new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
  });
  stopped.catch(() => undefined); // heard below
  const waiting = new Map(groups.map((group) => [group, arrives(group).then(() => group)]));
  while (waiting.size > 0) {
    const group = await Promise.race([stopped, ...waiting.values()]);
    waiting.delete(group);
    signal.throwIfAborted();
    await onMade(group, await materialise(group));
  }
}

/**
 * Tells when a group can be made: the first and the last of its rows are there, and the norm that is folded into them. (What lies between them may
 * still be missing; then making it waits.) Any other group counts as there.
 */
function arrivals(checkpoint: Checkpoint): (group: WeightGroup) => Promise<unknown> {
  const { layers, embedding, head, late } = checkpoint;
  const arrived = (matrix: Matrix, panel?: string, norm?: Float32Array): Promise<unknown> => {
    const whole = { start: 0, rows: matrix.rows };
    const { start, rows } = panel === undefined ? whole : panels('', matrix.rows)[Number(panel)]!;
    return Promise.all([matrix.read(start, 1), matrix.read(start + rows - 1, 1), norm && late?.get(norm)]);
  };
  return ({ location }) => {
    if (location === 'embedding') return arrived(embedding);
    const ofHead = /^head(?:\.(\d+))?$/.exec(location);
    if (ofHead) return arrived(head, ofHead[1], checkpoint.norm);
    const [, index, part, panel] = /^layers\.(\d+)\.(qkv|output|gateUp|down)(?:\.(\d+))?$/.exec(location) ?? [];
    const layer = layers[Number(index)];
    if (!layer) return Promise.resolve();
    if (part === 'qkv') return arrived(layer.qkv, undefined, layer.attentionNorm);
    if (part === 'gateUp') return arrived(layer.gateUp, panel, layer.mlpNorm);
    return arrived(part === 'output' ? layer.output : layer.down);
  };
}

const nameOf = (group: WeightGroup): string => `${group.location} ${layout(group).bytes}`;

const sameGroups = (a: readonly WeightGroup[], b: readonly WeightGroup[]): boolean =>
  a.map(nameOf).join() === b.map(nameOf).join();
