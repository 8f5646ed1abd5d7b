/** Steps of one token by our own kernels, on this thread and helpers. The weights are those in ONNX Runtime's memory. */
import { PhiError } from '../../../shared/errors.ts';
import type { PhiConfig } from '../../checkpoint/types.ts';
import { startWorker, unlessDead, type WorkerThread } from '../../../shared/worker-thread.ts';
import stepUrl from '../../../step.worker.ts?worker&url';
import { stepKernels, stepModule } from './kernels.ts';
import { Pace } from './pace.ts';
import { CONTROL, CONTROL_WORDS, DIGITS, MOST_THREADS, stepPlan, suitsStep, workWord, type StepPlan } from './plan.ts';
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

export class Stepper {
  readonly arena: WebAssembly.Memory;
  readonly plan: StepPlan;
  /** How many threads are fastest at present. */
  readonly #pace: Pace;
  readonly #helpers: WorkerThread[];
  readonly #own: StepThread;
  readonly #control: Int32Array;
  readonly #logits: Float32Array;
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
    this.#helpers = helpers;
    this.arena = new WebAssembly.Memory({
      initial: Math.ceil(plan.cache / PAGE_BYTES),
      maximum: Math.ceil(plan.mostBytes / PAGE_BYTES),
      shared: true,
    });
    this.#pace = new Pace(helpers.length + 1);
    this.#control = new Int32Array(this.arena.buffer, 0, CONTROL_WORDS);
    this.#logits = new Float32Array(this.arena.buffer, plan.logits, config.vocab);
    this.#own = new StepThread(stepKernels(module, this.arena, weights), plan, 0, this.#control);
    for (const helper of helpers) void helper.died.then((why) => (this.#dead = why));
  }

  /**
   * Resolves when all threads are there and the sums of all columns are computed, which reads every weight once.
   * @param weights ONNX Runtime's memory
   * @param places address in it of each weight tensor
   * @param helpers see startHelpers; `dispose` ends them
   * @throws RangeError if a tensor has no place, or the arena does not fit; PhiError `worker-died` if a helper ended or did not start
   */
  static async create(
    config: PhiConfig,
    weights: WebAssembly.Memory,
    places: ReadonlyMap<string, number>,
    helpers: WorkerThread[],
    { slots, steps }: { slots: number; steps: number },
  ): Promise<Stepper> {
    const module = stepModule()!;
    const plan = stepPlan(config, places, { threads: helpers.length + 1, slots, steps });
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

  /** This one and all helpers. */
  get threads(): number {
    return this.#helpers.length + 1;
  }

  /** cos and sin of a run's positions, `[steps, rotaryDim / 2]` each. */
  rotate({ cos, sin }: { cos: Float32Array; sin: Float32Array }): void {
    new Float32Array(this.arena.buffer, this.plan.cos, cos.length).set(cos);
    new Float32Array(this.arena.buffer, this.plan.sin, sin.length).set(sin);
  }

  /**
   * Feeds `token` at slot `past` of a cache of `slots` slots.
   * @param row of the tables that `rotate` was given
   * @returns the logits, until the next step
   * @throws PhiError `worker-died` if a helper is gone
   */
  step(token: number, past: number, row: number, slots: number): Float32Array {
    this.#control[CONTROL.token] = token;
    this.#control[CONTROL.past] = past;
    this.#control[CONTROL.row] = row;
    this.#control[CONTROL.slots] = slots;
    const { threads } = this.#pace;
    const started = performance.now();
    this.#work(threads);
    this.#pace.took(threads, performance.now() - started);
    return this.#logits;
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
