/** The next token from logits: the best one at once, anything else by the graph that the head of a chunk has too. */
import type { InferenceSession } from 'onnxruntime-web';
import { mayChoose, type Choice } from '../../decoder.ts';
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
    const logits = g.input('logits', 'float32', [1, vocab]);
    const randoms = g.input('randoms', 'float32', [1]);
    g.call(select(g, declareSelectInputs(g, vocab), logits, randoms), 'id');
    g.output('id', 'int64', [1]);
    const session = await makeSession(ort, g.toModel(), {
      executionProviders: ['wasm'],
      graphOptimizationLevel: 'disabled',
      logSeverityLevel: 3,
    });
    return new Chooser(ort, session, vocab);
  }

  /**
   * @param choice with one random number
   */
  async choose(logits: Float32Array, choice: Choice): Promise<number> {
    const { temperature, topK, repetitionPenalty } = choice.sampling;
    if ((temperature <= 0 || topK === 1) && repetitionPenalty === 1) return best(logits, choice.mask);
    const { Tensor } = this.#ort;
    const { id } = await this.#session.run({
      logits: new Tensor('float32', logits, [1, this.#vocab]),
      randoms: new Tensor('float32', choice.randoms, [1]),
      ...selectionFeeds(Tensor, this.#vocab, choice),
    });
    return Number((id!.data as BigInt64Array)[0]);
  }

  async dispose(): Promise<void> {
    await this.#session.release();
  }
}

/** The first of the largest, of those that the bits of `mask` allow. */
function best(logits: Float32Array, mask?: Uint32Array): number {
  let at = -1;
  for (let i = 0; i < logits.length; i++) {
    if (at >= 0 && !(logits[i]! > logits[at]!)) continue;
    if (!mask || mayChoose(mask, logits.length, 0, i)) at = i;
  }
  return at;
}
