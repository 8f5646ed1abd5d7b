/** The engine driven by token ids, for `npm run evaluate`. See shared/evaluate-protocol.ts. */
import { GREEDY } from '../shared/greedy.ts';
import { replay } from '../engine/generate/testing/replay.ts';
import { keptReplay } from '../engine/kept/testing/kept-replay.ts';
import { openModel, type Model } from '../engine/model.ts';
import { PhiError } from '../shared/errors.ts';
import type {
  ArgmaxResult,
  EvaluateApi,
  EvaluateOptions,
  GreedyResult,
  KeptReplay,
  NllResult,
  RemoteFile,
  ReplayResult,
  ReplyResult,
} from '../shared/evaluate-protocol.ts';
import type { EngineReport, GenerateRequest, Sampling, ToolCall } from '../shared/protocol.ts';
import { httpSource } from '../store/http-source.ts';

export class Evaluator implements EvaluateApi {
  #opened: Model | undefined;

  async open(files: RemoteFile[], options: EvaluateOptions): Promise<EngineReport> {
    const sources = new Map(files.map((file) => [file.path, httpSource(file.path, file.url, file.bytes)]));
    this.#opened = await openModel(sources, {
      ...options,
      model: files[0]?.path ?? '',
      // Here nobody starts a fresh worker after a failed backend.
      fallback: options.backend === 'auto' || options.fallback ? 'same-worker' : 'none',
      warmUp: false,
    });
    return this.#opened.report;
  }

  get #model(): Model {
    if (!this.#opened) throw new PhiError('no-model', 'No model is open: call open() first.');
    return this.#opened;
  }

  async lastLogits(ids: number[]): Promise<Float32Array> {
    return this.#model.score.lastLogits(ids);
  }

  async argmaxAll(ids: number[]): Promise<ArgmaxResult> {
    return this.#model.score.gaps(ids);
  }

  async greedy(prompt: number[], count: number): Promise<GreedyResult> {
    const model = this.#model;
    const ids: number[] = [];
    let prefillMs = 0;
    let decodeMs = 0;
    for await (const event of model.tokens(prompt, { sampling: GREEDY, maxTokens: count, eos: [], cache: 'empty' })) {
      if (event.type === 'first') {
        ids.push(event.id);
        prefillMs = event.ms;
      } else if (event.type === 'tokens') {
        ids.push(...event.ids);
        decodeMs += event.ms;
      }
    }
    return { ids, gaps: await gapsOf(model, prompt, ids), prefillMs, decodeMs };
  }

  async sample(prompt: number[], count: number, sampling: Sampling): Promise<number[]> {
    const ids: number[] = [];
    for await (const event of this.#model.tokens(prompt, { sampling, maxTokens: count, eos: [], cache: 'empty' })) {
      if (event.type === 'first') ids.push(event.id);
      else if (event.type === 'tokens') ids.push(...event.ids);
    }
    return ids;
  }

  replay(prompt: number[], reply: number[], sampling: Sampling, length: number): Promise<ReplayResult> {
    const { decoder, config } = this.#model;
    return replay(decoder, config, prompt, reply, sampling, length);
  }

  async reply(request: GenerateRequest): Promise<ReplyResult> {
    const result = { text: '', ids: [] as number[], calls: [] as ToolCall[] };
    let end: Pick<ReplyResult, 'reason' | 'stats'> | undefined;
    await this.#model.reply(request, new AbortController().signal, (event) => {
      if (event.type === 'end') end = event;
      if (event.type === 'error') throw PhiError.fromShape(event.error);
      if (event.type === 'calls') result.calls = event.calls;
      if (event.type !== 'text') return;
      result.text += event.text;
      result.ids.push(...event.ids);
    });
    if (!end) throw new PhiError('internal', 'The reply ended without its closing event.');
    return { ...result, reason: end.reason, stats: end.stats };
  }

  kept(prompt: number[], count: number): Promise<KeptReplay> {
    return keptReplay(this.#model, prompt, count);
  }

  async nll(ids: number[]): Promise<NllResult> {
    const { argmax, logprobs } = await this.#model.score.text(ids);
    return { nll: logprobs.map((value) => -value), argmax: argmax.slice(0, ids.length - 1) };
  }

  async tokenize(text: string): Promise<number[]> {
    await Promise.resolve(); // so that what is thrown below rejects
    return this.#model.tokenizer.encode(text, { special: false });
  }
}

/** Best logit minus second best at each step of `ids` after `prompt`, each step with the rope factors of its own length. */
async function gapsOf({ config, score }: Model, prompt: number[], ids: number[]): Promise<number[]> {
  const all = [...prompt, ...ids.slice(0, -1)];
  const first = prompt.length - 1;
  const gaps = new Float32Array(ids.length);
  const boundary = config.ropeScaling?.originalContext ?? Infinity;
  const short = Math.min(all.length, boundary);
  if (prompt.length <= boundary) gaps.set((await score.gaps(all.slice(0, short), first, 'short')).gaps, 0);
  if (all.length > boundary) {
    const from = Math.max(first, short);
    gaps.set((await score.gaps(all, from, 'long')).gaps, from - first);
  }
  return [...gaps];
}
