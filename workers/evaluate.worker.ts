/** Entry of the evaluation worker: the app's own engine, driven by token ids (see evaluate-protocol.ts). */
import { expose } from 'comlink';
import { walkChain, type ChainRequest } from './engine/choose/chain.ts';
import { pinnedDecoder } from './engine/choose/choose.ts';
import { ProbeMemory } from './engine/choose/probe-memory.ts';
import { SELF_TEST_TEXT } from './engine/choose/self-test.ts';
import type { Decoder } from './engine/decoder.ts';
import { openCheckpoint } from './engine/checkpoint/open.ts';
import type { Checkpoint } from './engine/checkpoint/types.ts';
import { installErrorTransfer } from './shared/comlink-errors.ts';
import { PhiError } from './shared/errors.ts';
import type {
  ArgmaxResult,
  EvaluateApi,
  EvaluateOptions,
  GreedyResult,
  NllResult,
  RemoteFile,
  ReplayResult,
} from './shared/evaluate-protocol.ts';
import { generateTokens } from './engine/generate/generate.ts';
import { GREEDY } from './engine/generate/greedy.ts';
import { replay } from './engine/generate/testing/replay.ts';
import { lastLogits, scoreGaps, scoreText } from './engine/generate/score.ts';
import { Sequence } from './engine/generate/sequence.ts';
import { ropeSetFor } from './engine/graph/rope.ts';
import type { Sampling } from './shared/protocol.ts';
import { engineReport } from './engine/report.ts';
import { httpSource } from './store/http-source.ts';
import { createTokenizer, type Tokenizer } from './engine/tokenizer/tokenizer.ts';

class Evaluator implements EvaluateApi {
  #open: { checkpoint: Checkpoint; decoder: Decoder; tokenizer?: Tokenizer } | undefined;

  async open(files: RemoteFile[], options: EvaluateOptions) {
    const started = performance.now();
    const sources = new Map(files.map((file) => [file.path, httpSource(file.path, file.url, file.bytes)]));
    const checkpoint = await openCheckpoint(sources);
    const { backend } = options;
    const wish = { ...options, files: sources };
    const { decoder, rejected } =
      backend === 'auto' || options.fallback
        ? await walkAll(checkpoint, wish)
        : { decoder: await pinnedDecoder(checkpoint, { ...wish, backend }), rejected: [] };
    this.#open = { checkpoint, decoder };
    return engineReport({
      model: files[0]?.path ?? '',
      name: checkpoint.config.name,
      checkpoint,
      decoder,
      asked: { backend: options.backend, device: options.device ?? null },
      rejected,
      loadMs: performance.now() - started,
      warmUpMs: 0,
    });
  }

  get #model() {
    if (!this.#open) throw new PhiError('no-model', 'No model is open: call open() first.');
    return this.#open;
  }

  async lastLogits(ids: number[]): Promise<Float32Array> {
    const { decoder, checkpoint } = this.#model;
    return lastLogits(decoder, ids, ropeSetFor(checkpoint.config, ids.length));
  }

  async argmaxAll(ids: number[]): Promise<ArgmaxResult> {
    const { decoder, checkpoint } = this.#model;
    return scoreGaps(decoder, ids, ropeSetFor(checkpoint.config, ids.length));
  }

  async greedy(prompt: number[], count: number): Promise<GreedyResult> {
    const { decoder, checkpoint } = this.#model;
    const { config } = checkpoint;
    const sequence = new Sequence(decoder, config);
    const ids: number[] = [];
    let prefillMs = 0;
    let decodeMs = 0;
    for await (const event of generateTokens(sequence, prompt, { sampling: GREEDY, maxTokens: count, eos: [] })) {
      if (event.type === 'first') {
        ids.push(event.id);
        prefillMs = event.ms;
      } else if (event.type === 'tokens') {
        ids.push(...event.ids);
        decodeMs += event.ms;
      }
    }
    // Every step's gap with the rope factors of that step's own length.
    const all = [...prompt, ...ids.slice(0, -1)];
    const first = prompt.length - 1;
    const gaps = new Float32Array(ids.length);
    const boundary = config.ropeScaling?.originalContext ?? Infinity;
    const short = Math.min(all.length, boundary);
    if (prompt.length <= boundary) gaps.set((await scoreGaps(decoder, all.slice(0, short), 'short', first)).gaps, 0);
    if (all.length > boundary) {
      const from = Math.max(first, short);
      gaps.set((await scoreGaps(decoder, all, 'long', from)).gaps, from - first);
    }
    return { ids, gaps: [...gaps], prefillMs, decodeMs };
  }

  async sample(prompt: number[], count: number, sampling: Sampling): Promise<number[]> {
    const { decoder, checkpoint } = this.#model;
    const ids: number[] = [];
    for await (const event of generateTokens(new Sequence(decoder, checkpoint.config), prompt, {
      sampling,
      maxTokens: count,
      eos: [],
    })) {
      if (event.type === 'first') ids.push(event.id);
      else if (event.type === 'tokens') ids.push(...event.ids);
    }
    return ids;
  }

  replay(prompt: number[], reply: number[], sampling: Sampling, length: number): Promise<ReplayResult> {
    const { decoder, checkpoint } = this.#model;
    return replay(decoder, checkpoint.config, prompt, reply, sampling, length);
  }

  async nll(ids: number[]): Promise<NllResult> {
    const { decoder, checkpoint } = this.#model;
    const { argmax, logprobs } = await scoreText(decoder, ids, ropeSetFor(checkpoint.config, ids.length));
    return { nll: logprobs.map((value) => -value), argmax: argmax.slice(0, ids.length - 1) };
  }

  async tokenize(text: string): Promise<number[]> {
    await Promise.resolve(); // so that what is thrown below rejects
    const model = this.#model;
    model.tokenizer ??= createTokenizer(model.checkpoint.tokenizer);
    return model.tokenizer.encode(text, { special: false });
  }
}

/** The chain in one worker: here nobody starts a fresh one behind a backend that failed. */
async function walkAll(checkpoint: Checkpoint, options: EvaluateOptions) {
  const memory = await ProbeMemory.open(false);
  const selfTestIds = createTokenizer(checkpoint.tokenizer).encode(SELF_TEST_TEXT);
  const avoid: NonNullable<ChainRequest['avoid']>[number][] = [];
  for (;;) {
    try {
      return await walkChain(checkpoint, { ...options, memory, model: checkpoint.config.name, selfTestIds, avoid });
    } catch (cause) {
      const { message, detail } = PhiError.from(cause);
      const candidate = detail?.['candidate'];
      if (typeof candidate !== 'string' || avoid.some((one) => one.candidate === candidate)) throw cause;
      avoid.push({ candidate, why: message });
    }
  }
}

installErrorTransfer();
expose(new Evaluator());
