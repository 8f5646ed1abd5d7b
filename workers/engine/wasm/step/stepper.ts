/** Steps of one token or a few by our own kernels, on this thread and helpers. The weights are those in ONNX Runtime's memory. */
import { PhiError } from '../../../shared/errors.ts';
import type { PhiConfig } from '../../checkpoint/types.ts';
import { ropeTable, type RopeSet } from '../../graph/rope.ts';
import { startWorker, unlessDead, type WorkerThread } from '../../../shared/worker-thread.ts';
import stepUrl from '../../../step.worker.ts?worker&url';
import type { CacheArena } from '../kv-cache.ts';
import { stepKernels, stepModule } from './kernels.ts';
import { Pace } from './pace.ts';
import {
  CONTROL,
  CONTROL_WORDS,
  DIGITS,
  MOST_THREADS,
  MOST_TOKENS,
  stepPlan,
  suitsStep,
  workWord,
  type StepPlan,
  type StepSizes,
} from './plan.ts';
import type { WeightPlaces } from '../../runtime/weight-places.ts';
import { READY, type HelperSetup } from './protocol.ts';
import { StepThread } from './run.ts';

const PAGE_BYTES = 2 ** 16;
/** A helper that has not started by then, behind a whole load, never will: browsers queue workers above a limit. */
const START_MS = 10_000;
/** Codes of 1 for four numbers, digit by digit. */
const ONE_CODES = [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1];

/** Workers for all threads but this one; none if the browser refuses one. They load while the model does. */
export function startHelpers(threads: number): WorkerThread[] {
  const helpers: WorkerThread[] = [];
  try {
    while (helpers.length < Math.min(threads, MOST_THREADS) - 1) helpers.push(startWorker(stepUrl, 'step'));
    return helpers;
  } catch {
    for (const helper of helpers) helper.terminate();
    return [];
  }
}

/** True if this browser and the model can decode with our own kernels. */
export const canStep = (config: PhiConfig): boolean => suitsStep(config) && stepModule() !== null;

/**
 * A stepper on this thread and `helpers`, or on this thread alone if one of them ended or did not start. Helpers that are not needed are ended.
 * @param places null: they could not be seen
 * @throws RangeError if a tensor has no place, or the arena does not fit
 */
export async function makeStepper(
  config: PhiConfig,
  places: WeightPlaces | null,
  helpers: WorkerThread[],
  sizes: StepSizes,
): Promise<Stepper> {
  const end = (): void => {
    for (const helper of helpers) helper.terminate();
  };
  try {
    if (!places) throw new RangeError('the weights were not seen on their way into its memory');
    return await Stepper.create(config, places, helpers, sizes).catch((error: unknown) => {
      if (PhiError.from(error).code !== 'worker-died') throw error;
      end();
      return Stepper.create(config, places, [], sizes);
    });
  } catch (error) {
    end();
    throw error;
  }
}

/** Most that results may differ from the session's, relative to the largest. Rounding explains a thousandth. */
const MOST_APART = 0.01;
/** Why single tokens are slow where results differ by more. */
export const DISAGREED = 'other kernels gave other logits';

export class Stepper {
  readonly arena: WebAssembly.Memory;
  readonly plan: StepPlan;
  /** How many threads are fastest at present. */
  readonly #pace: Pace;
  readonly #config: PhiConfig;
  readonly #helpers: WorkerThread[];
  readonly #own: StepThread;
  readonly #control: Int32Array;
  readonly #result: Float32Array;
  readonly #input: Float32Array;
  /** Why a helper died. */
  #dead: string | null = null;

  private constructor(
    module: WebAssembly.Module,
    config: PhiConfig,
    weights: WebAssembly.Memory,
    plan: StepPlan,
    helpers: WorkerThread[],
  ) {
    this.plan = plan;
    this.#config = config;
    this.#helpers = helpers;
    this.arena = new WebAssembly.Memory({
      initial: Math.ceil(plan.cache / PAGE_BYTES),
      maximum: Math.ceil(plan.mostBytes / PAGE_BYTES),
      shared: true,
    });
    this.#pace = new Pace(helpers.length + 1);
    this.#control = new Int32Array(this.arena.buffer, 0, CONTROL_WORDS);
    this.#input = new Float32Array(this.arena.buffer, plan.input, MOST_TOKENS * config.hidden);
    this.#result = plan.head
      ? new Float32Array(this.arena.buffer, plan.logits, MOST_TOKENS * config.vocab)
      : new Float32Array(this.arena.buffer, plan.threads[0]!.hidden, MOST_TOKENS * config.hidden);
    this.#own = new StepThread(stepKernels(module, this.arena, weights), plan, 0, this.#control);
    for (const helper of helpers) void helper.died.then((why) => (this.#dead = why));
  }

  /**
   * Resolves when all threads are there and the sums of all columns are computed, which reads every weight once.
   * @param helpers see startHelpers; `dispose` ends them
   * @throws RangeError if a tensor has no place, or the arena does not fit; PhiError `worker-died` if a helper ended or did not start
   */
  static async create(
    config: PhiConfig,
    { memory: weights, places }: WeightPlaces,
    helpers: WorkerThread[],
    sizes: StepSizes,
  ): Promise<Stepper> {
    const module = stepModule()!;
    const plan = stepPlan(config, places, { ...sizes, threads: helpers.length + 1 });
    const stepper = new Stepper(module, config, weights, plan, helpers);
    await Promise.all(
      helpers.map((helper, i) =>
        unlessDead(
          helper,
          'A thread of the decoder',
          begun(helper, { module, arena: stepper.arena, weights, plan, index: i + 1 }),
        ),
      ),
    );
    stepper.#sumColumns(config);
    return stepper;
  }

  #sumColumns({ hidden, intermediate, heads, headDim }: PhiConfig): void {
    const ones = new Uint8Array(this.arena.buffer, this.plan.ones);
    const widest = Math.max(hidden, intermediate, heads * headDim);
    for (let at = 0; at < DIGITS * widest; at += ONE_CODES.length) ones.set(ONE_CODES, at);
    this.#control[CONTROL.sums] = 1;
    this.#work(this.threads);
    this.#control[CONTROL.sums] = 0;
  }

  /** Where the KV cache has to lie. */
  get cache(): CacheArena {
    return { memory: this.arena, start: this.plan.cache };
  }

  /** This one and all helpers. */
  get threads(): number {
    return this.#helpers.length + 1;
  }

  /** Prepares for `count` tokens from slot `past` on, at most MOST_TOKENS. */
  rotate(rope: RopeSet, past: number, count: number): void {
    const { cos, sin } = ropeTable(this.#config, rope, past, count);
    new Float32Array(this.arena.buffer, this.plan.cos, cos.length).set(cos);
    new Float32Array(this.arena.buffer, this.plan.sin, sin.length).set(sin);
  }

  /**
   * Feeds tokens at slots `past` and on of a cache of `slots` slots, at most MOST_TOKENS. Each is computed as it would be alone, to the last bit.
   * @param tokens their ids; in a stage their hidden states
   * @param row which of the tokens that `rotate` prepared for is the first
   * @param heads of how many tokens, the last ones, the logits are wanted
   * @returns the logits `[heads, vocab]`, in a stage without the head the hidden states of all; until the next step
   * @throws PhiError `worker-died` if a helper is gone
   */
  step(
    tokens: readonly number[] | Float32Array,
    { past, row = 0, slots, heads = 1 }: { past: number; row?: number; slots: number; heads?: number },
  ): Float32Array {
    const { hidden, vocab } = this.#config;
    if (tokens instanceof Float32Array) this.#input.set(tokens);
    else this.#control.set(tokens, CONTROL.tokens);
    const count = tokens instanceof Float32Array ? tokens.length / hidden : tokens.length;
    this.#control[CONTROL.count] = count;
    this.#control[CONTROL.heads] = heads;
    this.#control[CONTROL.past] = past;
    this.#control[CONTROL.row] = row;
    this.#control[CONTROL.slots] = slots;
    const { threads } = this.#pace;
    const started = performance.now();
    this.#work(threads);
    if (count === 1) this.#pace.took(threads, performance.now() - started);
    return this.#result.subarray(0, this.plan.head ? heads * vocab : count * hidden);
  }

  /**
   * Feeds a token to an empty cache of `slots` slots.
   * @param result the session's after the same token
   * @returns true if ours is the same, but for rounding
   */
  agrees(token: number | Float32Array, result: Float32Array, slots: number): boolean {
    this.rotate('short', 0, 1);
    const own = this.step(typeof token === 'number' ? [token] : token, { past: 0, slots });
    let [most, size] = [0, 0];
    for (let i = 0; i < own.length; i++) {
      most = Math.max(most, Math.abs(own[i]! - result[i]!));
      size = Math.max(size, Math.abs(result[i]!));
    }
    return Number.isFinite(most) && most <= MOST_APART * size;
  }

  #work(threads: number): void {
    if (this.#dead !== null) throw new PhiError('worker-died', `A thread of the decoder ended: ${this.#dead}.`);
    const word = workWord(this.#control[CONTROL.work]!, threads);
    Atomics.store(this.#control, CONTROL.work, word);
    if (this.#helpers.length > 0) Atomics.notify(this.#control, CONTROL.work);
    this.#own.work(word);
  }

  dispose(): void {
    for (const helper of this.#helpers) helper.terminate();
  }
}

/** Resolves when the helper is about to wait for work. It must not be waited for by sleeping: its script loads through this thread's event loop. */
function begun({ worker }: WorkerThread, setup: HelperSetup): Promise<void> {
  return new Promise((resolve, reject) => {
    const late = setTimeout(
      () => reject(new PhiError('worker-died', `A thread of the decoder did not start within ${START_MS / 1000} s.`)),
      START_MS,
    );
    const hear = ({ data }: MessageEvent): void => {
      if (data !== READY) return;
      worker.removeEventListener('message', hear);
      clearTimeout(late);
      resolve();
    };
    worker.addEventListener('message', hear);
    worker.postMessage(setup);
  });
}
