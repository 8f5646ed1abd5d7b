/** Decoding by our own kernels, beside ONNX Runtime's session: it reads prompts, they do single tokens and a few at a time, such as drafts. */
import type { ChunkRequest, ChunkResult, Choice } from '../../decoder.ts';
import type { RopeSet } from '../../graph/rope.ts';
import type { Ort } from '../../runtime/ort.ts';
import type { CacheArena, KvCache } from '../kv-cache.ts';
import { Chooser } from './chooser.ts';
import { MOST_TOKENS } from './plan.ts';
import type { Stepper } from './stepper.ts';

export class OwnSteps {
  readonly #stepper: Stepper;
  readonly #chooser: Chooser;

  private constructor(stepper: Stepper, chooser: Chooser) {
    this.#stepper = stepper;
    this.#chooser = chooser;
  }

  /** `dispose` ends `stepper` too. */
  static async create(ort: Ort, vocab: number, stepper: Stepper): Promise<OwnSteps> {
    return new OwnSteps(stepper, await Chooser.create(ort, vocab));
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
    this.#stepper.rotate(rope, past, randoms.length);
    const seen = sampling.repetitionPenalty === 1 ? choice.seen : choice.seen.slice();
    const ids: number[] = [];
    for (let step = 0, token = id; step < randoms.length; step++) {
      const logits = this.#stepper.step([token], { past: past + step, row: step, slots: cache.slots });
      const own = { ...choice, seen, randoms: randoms.subarray(step, step + 1) };
      token = (await this.#chooser.choose(logits, own))[0]!;
      ids.push(token);
      if (stop.includes(token)) break;
      if (seen !== choice.seen) seen[token] = 1;
    }
    return ids;
  }

  /** As Decoder.chunk; null if the session has to do it. */
  async chunk(request: ChunkRequest, cache: KvCache): Promise<ChunkResult | null> {
    const { ids, past, rope, choice, rows, targets, logits } = request;
    if (ids.length > MOST_TOKENS || targets || logits) return null;
    cache.reserve(past + ids.length);
    this.#stepper.rotate(rope, past, ids.length);
    const heads = rows === 'all' ? ids.length : 1;
    return this.#chooser.chunk(this.#stepper.step(ids, { past, slots: cache.slots, heads }), choice);
  }

  /** See Stepper.agrees. */
  agrees(token: number, logits: Float32Array, cache: KvCache): boolean {
    return this.#stepper.agrees(token, logits, cache.slots);
  }

  async dispose(): Promise<void> {
    this.#stepper.dispose();
    await this.#chooser.dispose();
  }
}
