/** The next tokens from logits: the best one of each row at once, anything else by the graph that the head of a chunk has too. */
import type { InferenceSession } from 'onnxruntime-web';
import { mayChoose, type ChunkResult, type Choice } from '../../decoder.ts';
import { Graph } from '../../graph/onnx.ts';
import { makeSession, type Ort } from '../../runtime/ort.ts';
import { declareSelectInputs, select } from '../select-graph.ts';
import { selectionFeeds } from '../selection.ts';

export class Chooser {
  readonly #ort: Ort;
  readonly #session: InferenceSession;
  readonly #vocab: number;

  private constructor(ort: Ort, session: InferenceSession, vocab: number) {
    this.#ort = ort;
    this.#session = session;
    this.#vocab = vocab;
  }

  static async create(ort: Ort, vocab: number): Promise<Chooser> {
    const g = new Graph('phi_choose');
    const logits = g.input('logits', 'float32', ['rows', vocab]);
    const randoms = g.input('randoms', 'float32', ['rows']);
    g.call(select(g, declareSelectInputs(g, vocab), logits, randoms), 'ids');
    g.output('ids', 'int64', ['rows']);
    const session = await makeSession(ort, g.toModel(), {
      executionProviders: ['wasm'],
      graphOptimizationLevel: 'disabled',
      logSeverityLevel: 3,
    });
    return new Chooser(ort, session, vocab);
  }

  /** What a chunk gives whose rows have these logits, `[rows, vocab]`. */
  async chunk(logits: Float32Array, choice: Choice | null): Promise<ChunkResult> {
    return {
      chosen: choice ? await this.choose(logits.subarray(-choice.randoms.length * this.#vocab), choice) : [],
      argmax: Int32Array.from(choice ? [] : this.#best(logits)),
      logprobs: new Float32Array(0),
      logits: null,
    };
  }

  /**
   * @param logits `[rows, vocab]`
   * @param choice with as many random numbers
   */
  async choose(logits: Float32Array, choice: Choice): Promise<number[]> {
    const { temperature, topK, repetitionPenalty } = choice.sampling;
    if ((temperature <= 0 || topK === 1) && repetitionPenalty === 1) return this.#best(logits, choice.mask);
    const { Tensor } = this.#ort;
    const rows = choice.randoms.length;
    const { ids } = await this.#session.run({
      logits: new Tensor('float32', logits, [rows, this.#vocab]),
      randoms: new Tensor('float32', choice.randoms, [rows]),
      ...selectionFeeds(Tensor, this.#vocab, choice),
    });
    return Array.from(ids!.data as BigInt64Array, Number);
  }

  /** Of each row the first of the largest, of those that the bits of `mask` allow. */
  #best(logits: Float32Array, mask?: Uint32Array): number[] {
    const vocab = this.#vocab;
    return Array.from({ length: logits.length / vocab }, (_, row) => {
      const own = logits.subarray(row * vocab, (row + 1) * vocab);
      let at = -1;
      for (let i = 0; i < vocab; i++) {
        if (at >= 0 && !(own[i]! > own[at]!)) continue;
        if (!mask || mayChoose(mask, vocab, row, i)) at = i;
      }
      return at;
    });
  }

  async dispose(): Promise<void> {
    await this.#session.release();
  }
}
