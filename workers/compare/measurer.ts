/** Measures one way to run a stored model, for one row of the compare page. See shared/compare-protocol.ts. */
import { openModel, readModel, type Model } from '../engine/model.ts';
import { GREEDY } from '../shared/greedy.ts';
import { ReplyText } from '../engine/generate/text.ts';
import { storedWeightCache } from '../engine/weight-cache.ts';
import type {
  ColdStart,
  CompareApi,
  ModelFacts,
  ModelPlace,
  OpenedRow,
  Piece,
  Prompt,
  ScoreRequest,
  SpeedTest,
  StepScores,
  Target,
  Timing,
} from '../shared/compare-protocol.ts';
import { PhiError } from '../shared/errors.ts';
import type { StoredModel } from '../shared/protocol.ts';
import { blobSource, type ModelFiles } from '../store/bytes.ts';
import { ModelStore } from '../store/store.ts';
import { fingerprint } from './fingerprint.ts';
import { encoderOf, makePrompt, type Encode } from './prompts.ts';
import { runSpeedTest } from './speed-test.ts';
import { timeStream, type Arrival } from '../shared/stopwatch.ts';
import { TEXT } from './text.ts';

/** Tokens of the built-in text that agreement is measured on. */
const TEXT_TOKENS = 192;

export class Measurer implements CompareApi {
  readonly #store = new ModelStore();
  #opened: Model | null = null;

  async describe(model: ModelPlace, lengths: number[], nonces: string[][]): Promise<ModelFacts> {
    const { name, files } = await this.#find(model);
    const header = await readModel(files);
    const encode = encoderOf(header.conversation);
    const { context, vocab, layers, hidden, heads, kvHeads, headDim, intermediate } = header.config;
    return {
      name,
      fingerprint: await fingerprint(files),
      context,
      shape: { layers, hidden, heads, kvHeads, headDim, intermediate },
      vocab,
      webgpuForms: header.webgpuForms,
      prompts: lengths.map((tokens, i) => nonces[i]!.map((nonce) => makePrompt(encode, tokens, nonce))),
      textIds: header.tokenizer.encode(TEXT).slice(0, TEXT_TOKENS),
    };
  }

  async open(
    model: ModelPlace,
    target: Target,
    contextLength: number,
    onPrepare: (done: number, total: number) => void,
  ): Promise<OpenedRow> {
    const { name, files, stored } = await this.#find(model);
    const kept: Promise<unknown>[] = [];
    this.#opened = await openModel(
      files,
      {
        model: model.id,
        name,
        backend: target.backend,
        form: target.form,
        contextLength,
        ...(target.device && { device: target.device }),
        ...(target.threads !== null && { threads: target.threads }),
        fallback: 'none',
        warmUp: true,
        // Weights that cannot be kept are made again at the next load; the figures say when some were made.
        ...(stored && {
          weightCache: storedWeightCache(
            this.#store,
            stored,
            (_format, done) => void kept.push(done.catch(() => false)),
          ),
        }),
      },
      { onPrepare },
    );
    await Promise.all(kept); // no writes while something is measured
    return { report: this.#opened.report, madeForm: kept.length > 0 };
  }

  async reply(prompt: Prompt, tokens: number, onPiece: (piece: Piece) => void): Promise<Timing> {
    const model = this.#model;
    const encode = encoderOf(model.conversation);
    return timeStream(
      prompt.tokens,
      () => arrivals(model, encode, prompt, tokens),
      (done, text) => onPiece({ tokens: done, text }),
    );
  }

  async firstAnswer(prompt: Prompt): Promise<ColdStart> {
    await this.reply(prompt, 1, () => undefined);
    const fetched = performance.getEntriesByType('resource') as PerformanceResourceTiming[];
    // A worker's clock begins when the worker is made.
    return { ms: performance.now(), fetchedBytes: fetched.reduce((sum, { transferSize }) => sum + transferSize, 0) };
  }

  async speedTest(
    test: SpeedTest,
    text: readonly number[],
    rounds: number,
    onRound: (done: number) => void,
  ): Promise<number[]> {
    return runSpeedTest(this.#model, test, text, rounds, onRound);
  }

  async score({ ids, from, gaps }: ScoreRequest): Promise<StepScores> {
    return this.#model.score.steps(ids, { from, gaps });
  }

  get #model(): Model {
    if (!this.#opened) throw new PhiError('no-model', 'No model is open: call open() first.');
    return this.#opened;
  }

  async #find({ id, url }: ModelPlace): Promise<{ name: string; files: ModelFiles; stored: StoredModel | null }> {
    if (url !== undefined) return { name: id, files: await fetchFile(url), stored: null };
    const stored = await this.#store.find(id);
    if (stored) return { name: stored.name, files: await this.#store.openStored(id), stored };
    throw new PhiError('no-model', `${id} is not stored in this browser. Download it first.`, { model: id });
  }
}

/** One file beside the app, held in memory. Rejects with `network`. */
async function fetchFile(url: string): Promise<ModelFiles> {
  const name = new URL(url).pathname.split('/').at(-1)!;
  const response = await fetch(url).catch(() => null);
  if (!response?.ok)
    throw new PhiError(
      'network',
      `${name} could not be fetched (${response ? `HTTP ${response.status}` : 'no connection'}). It comes from the app's own server. Connect to the network and try again.`,
    );
  return new Map([[name, blobSource(name, await response.blob())]]);
}

/** The engine's own loop, with an empty cache and without an end token, as text. */
async function* arrivals(
  model: Model,
  encode: Encode,
  { content }: Prompt,
  maxTokens: number,
): AsyncGenerator<Arrival, void, void> {
  const text = new ReplyText(model.tokenizer);
  let recomputed = false;
  const options = { sampling: GREEDY, maxTokens, eos: [], cache: 'empty' as const };
  for await (const event of model.tokens(encode(content), options)) {
    if (event.type === 'rope-switch') {
      recomputed = true;
      continue;
    }
    const ids = event.type === 'first' ? [event.id] : event.ids;
    yield { tokens: ids.length, text: ids.map((id) => text.push(id).text).join(''), recomputed };
    recomputed = false;
  }
}
