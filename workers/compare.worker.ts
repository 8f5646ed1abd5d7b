/** Entry of the worker that measures one row of the compare page. See compare/protocol.ts. */
import { expose } from 'comlink';
import { pinnedDecoder } from './engine/choose/choose.ts';
import { storedWeightCache } from './engine/weight-cache.ts';
import type { Decoder } from './engine/decoder.ts';
import { openCheckpoint } from './engine/checkpoint/open.ts';
import type { Checkpoint } from './engine/checkpoint/types.ts';
import { installErrorTransfer } from './shared/comlink-errors.ts';
import { fingerprint } from './compare/fingerprint.ts';
import { encoder, makePrompt, type Encode } from './compare/prompts.ts';
import type {
  CompareApi,
  ModelFacts,
  OpenedRow,
  Piece,
  Prompt,
  ScoreRequest,
  Target,
} from './shared/compare-protocol.ts';
import { timeStream, type Arrival, type Timing } from './compare/stopwatch.ts';
import { TEXT } from './compare/text.ts';
import { PhiError } from './shared/errors.ts';
import { generateTokens } from './engine/generate/generate.ts';
import { GREEDY } from './engine/generate/greedy.ts';
import { scoreSteps, type StepScores } from './engine/generate/score.ts';
import { Sequence } from './engine/generate/sequence.ts';
import { ReplyText } from './engine/generate/text.ts';
import { warmUp } from './engine/generate/warm-up.ts';
import { ropeSetFor } from './engine/graph/rope.ts';
import { webgpuForms } from './engine/webgpu/weights.ts';
import { holdLifeline } from './shared/lifeline.ts';
import type { StoredModel } from './shared/protocol.ts';
import { engineReport } from './engine/report.ts';
import { ModelStore } from './store/store.ts';
import type { Conversation } from './engine/tokenizer/conversation.ts';

/** Tokens of the built-in text that agreement is measured on. */
const TEXT_TOKENS = 192;

interface Loaded {
  checkpoint: Checkpoint;
  decoder: Decoder;
  encode: Encode;
  conversation: Conversation;
}

class Measurer implements CompareApi {
  readonly #store = new ModelStore();
  #loaded: Loaded | null = null;

  async describe(model: string, lengths: number[], nonces: string[][]): Promise<ModelFacts> {
    const stored = await this.#find(model);
    const files = await this.#store.openStored(model);
    const checkpoint = await openCheckpoint(files);
    const { encode, conversation } = encoder(checkpoint);
    const { context, vocab } = checkpoint.config;
    return {
      name: stored.name,
      fingerprint: await fingerprint(files),
      context,
      vocab,
      webgpuForms: webgpuForms(checkpoint),
      prompts: lengths.map((tokens, i) => nonces[i]!.map((nonce) => makePrompt(encode, tokens, nonce))),
      textIds: conversation.tokenizer.encode(TEXT).slice(0, TEXT_TOKENS),
    };
  }

  async open(
    model: string,
    target: Target,
    contextLength: number,
    onPrepare: (done: number, total: number) => void,
  ): Promise<OpenedRow> {
    const started = performance.now();
    const stored = await this.#find(model);
    const checkpoint = await openCheckpoint(await this.#store.openStored(model));
    const { encode, conversation } = encoder(checkpoint);
    const kept: Promise<unknown>[] = [];
    const decoder = await pinnedDecoder(
      checkpoint,
      {
        backend: target.backend,
        form: target.form,
        contextLength,
        ...(target.device && { device: target.device }),
        ...(target.threads !== null && { threads: target.threads }),
        // A form that cannot be kept is made again at the next load; the figures say when one was made.
        weightCache: storedWeightCache(this.#store, stored, (_form, done) => void kept.push(done.catch(() => false))),
      },
      onPrepare,
    );
    this.#loaded = { checkpoint, decoder, encode, conversation };
    const loadMs = performance.now() - started;
    const { ms: warmUpMs } = await warmUp(decoder, checkpoint.config);
    await Promise.all(kept); // nothing may be written while something is measured
    const asked = { backend: target.backend, device: target.device };
    return {
      report: engineReport({ model, name: stored.name, checkpoint, decoder, asked, rejected: [], loadMs, warmUpMs }),
      madeForm: kept.length > 0,
    };
  }

  async reply(prompt: Prompt, tokens: number, onPiece: (piece: Piece) => void): Promise<Timing> {
    const model = this.#model;
    return timeStream(
      prompt.tokens,
      () => arrivals(model, prompt, tokens),
      (done, text) => onPiece({ tokens: done, text }),
    );
  }

  async score({ ids, from, gaps }: ScoreRequest): Promise<StepScores> {
    const { decoder, checkpoint } = this.#model;
    return scoreSteps(decoder, ids, ropeSetFor(checkpoint.config, ids.length), { from, gaps });
  }

  get #model(): Loaded {
    if (!this.#loaded) throw new PhiError('no-model', 'No model is open: call open() first.');
    return this.#loaded;
  }

  async #find(model: string): Promise<StoredModel> {
    const stored = await this.#store.find(model);
    if (stored) return stored;
    throw new PhiError('no-model', `${model} is not stored in this browser. Download it first.`, { model });
  }
}

/** The engine's own loop, with an empty cache and without an end token, as text. */
async function* arrivals(
  { checkpoint, decoder, encode, conversation }: Loaded,
  prompt: Prompt,
  tokens: number,
): AsyncGenerator<Arrival> {
  const text = new ReplyText(conversation.tokenizer);
  const sequence = new Sequence(decoder, checkpoint.config);
  let recomputed = false;
  for await (const event of generateTokens(sequence, encode(prompt.content), {
    sampling: GREEDY,
    maxTokens: tokens,
    eos: [],
  })) {
    if (event.type === 'rope-switch') {
      recomputed = true;
      continue;
    }
    const ids = event.type === 'first' ? [event.id] : event.ids;
    yield { tokens: ids.length, text: ids.map((id) => text.push(id).text).join(''), recomputed };
    recomputed = false;
  }
}

holdLifeline();
installErrorTransfer();
expose(new Measurer());
