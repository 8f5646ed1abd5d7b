/** Decoding by our own kernels, beside ONNX Runtime's session: it reads prompts and checks drafts, they do single tokens. */
import type { PhiConfig } from '../../checkpoint/types.ts';
import type { Choice } from '../../decoder.ts';
import { ropeTable, type RopeSet } from '../../graph/rope.ts';
import type { Ort } from '../../runtime/ort.ts';
import type { CacheArena, KvCache } from '../kv-cache.ts';
import { Chooser } from './chooser.ts';
import type { Stepper } from './stepper.ts';

/** Most that logits, or hidden states, may differ from the session's, relative to the largest. Rounding explains a thousandth. */
const MOST_APART = 0.01;

export class OwnSteps {
  readonly #config: PhiConfig;
  readonly #stepper: Stepper;
  readonly #chooser: Chooser;

  private constructor(config: PhiConfig, stepper: Stepper, chooser: Chooser) {
    this.#config = config;
    this.#stepper = stepper;
    this.#chooser = chooser;
  }

  /** `dispose` ends `stepper` too. */
  static async create(ort: Ort, config: PhiConfig, stepper: Stepper): Promise<OwnSteps> {
    return new OwnSteps(config, stepper, await Chooser.create(ort, config.vocab));
  }

  /** Where the KV cache has to lie. */
  get arena(): CacheArena {
    return this.#stepper.cache;
  }

  /** Threads that steps may run on. */
  get threads(): number {
    return this.#stepper.threads;
  }

  /** As Decoder.decode. */
  async decode(id: number, past: number, rope: RopeSet, choice: Choice, cache: KvCache): Promise<number[]> {
    const { randoms, stop, sampling } = choice;
    cache.reserve(past + randoms.length);
    this.#stepper.rotate(ropeTable(this.#config, rope, past, randoms.length));
    const seen = sampling.repetitionPenalty === 1 ? choice.seen : choice.seen.slice();
    const ids: number[] = [];
    for (let step = 0, token = id; step < randoms.length; step++) {
      const logits = this.#stepper.step(token, past + step, step, cache.slots);
      token = await this.#chooser.choose(logits, { ...choice, seen, randoms: randoms.subarray(step, step + 1) });
      ids.push(token);
      if (stop.includes(token)) break;
      if (seen !== choice.seen) seen[token] = 1;
    }
    return ids;
  }

  /**
   * Feeds `token` to an empty cache.
   * @param logits the session's after the same token
   * @returns true if ours are the same, but for rounding
   */
  agree(token: number, logits: Float32Array, cache: KvCache): boolean {
    this.#stepper.rotate(ropeTable(this.#config, 'short', 0, 1));
    return agree(this.#stepper.step(token, 0, 0, cache.slots), logits);
  }

  async dispose(): Promise<void> {
    this.#stepper.dispose();
    await this.#chooser.dispose();
  }
}

/** True if two results are the same, but for rounding. */
export function agree(a: Float32Array, b: Float32Array): boolean {
  let [most, size] = [0, 0];
  for (let i = 0; i < a.length; i++) {
    most = Math.max(most, Math.abs(a[i]! - b[i]!));
    size = Math.max(size, Math.abs(b[i]!));
  }
  return Number.isFinite(most) && most <= MOST_APART * size;
}
