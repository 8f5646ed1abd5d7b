/**
 * The door to the engine: it takes a model's files and returns a model that answers. The engine, compare and evaluate
 * workers and the benches all come through here, so that what they load, choose and measure is the same.
 */
import { PhiError } from '../shared/errors.ts';
import type {
  ContextFit,
  EngineReport,
  FitRequest,
  GenerateEvent,
  GenerateRequest,
  LoadRequest,
  RestoreRequest,
} from '../shared/protocol.ts';
import type { StepScores } from '../shared/compare-protocol.ts';
import { span } from '../shared/span.ts';
import type { TellTextWork } from '../shared/text-work.ts';
import type { ModelFiles } from '../store/bytes.ts';
import type { Checkpoint, PhiConfig } from './checkpoint/types.ts';
import { walkChain, type ChainRequest, type ChainResult } from './choose/chain.ts';
import { pinnedDecoder, type DecoderOptions, type PinnedRequest } from './choose/choose.ts';
import { ProbeMemory } from './choose/probe-memory.ts';
import { SELF_TEST_TEXT } from './choose/self-test.ts';
import { startEarly } from './choose/start-early.ts';
import type { Decoder } from './decoder.ts';
import type { Constraints } from './constraint/constraint.ts';
import type { EarlyModel } from './early-model.ts';
import { generateTokens, type TokenEvent, type TokenOptions } from './generate/generate.ts';
import type { ChunkCosts } from './generate/lookup.ts';
import { generateReply, measureRequest, restoreAhead } from './generate/reply.ts';
import { lastLogits, scoreGaps, scoreSteps, scoreText } from './generate/score.ts';
import { Sequence } from './generate/sequence.ts';
import { systemIds } from './generate/system-ids.ts';
import { warmUp } from './generate/warm-up.ts';
import { ropeSetFor, type RopeSet } from './graph/rope.ts';
import type { KeptCaches } from './kept/kept-caches.ts';
import { openHeader, type Header, type ModelHeader } from './model-header.ts';
import { engineReport } from './report.ts';
import type { Conversation } from './tokenizer/conversation.ts';
import type { Tokenizer } from './tokenizer/types.ts';

/** The model and backend to load. Fields of `LoadRequest` have the same meaning here. */
export interface ModelRequest
  extends
    Omit<LoadRequest, 'model' | 'contextLength' | 'avoid'>,
    Pick<DecoderOptions, 'weightCache' | 'early' | 'mayKeep' | 'calibrate' | 'signal'>,
    Pick<PinnedRequest, 'activations' | 'capture'> {
  /** For the report. */
  model: string;
  /**
   * Key under which results about this model on this device are kept. It must change with the model's content. Default:
   * `model`.
   */
  contentKey?: string;
  /** As the page shows it; absent: as the file says. */
  name?: string;
  /** What was made of the model while it was downloaded. */
  earlyModel?: EarlyModel;
  /** KV slots; 0 or absent: what the model allows, within reason. */
  contextLength?: number;
  avoid?: ChainRequest['avoid'];
  /**
   * `next-worker`: the chain of backends, ended by a failure that may have left ONNX Runtime unusable (the caller goes on in a fresh worker, with
   * the candidate in `avoid`). `same-worker`: the chain goes on all the same. `none`: exactly what was asked for, or an error.
   */
  fallback: 'next-worker' | 'same-worker' | 'none';
  /** Runs the decoder once before it is handed over, and measures what drafts cost (prompt lookup needs it). */
  warmUp: boolean;
}

/** Events while a model opens. Each is optional. */
export interface ModelEvents {
  /** Weights made so far, of all. */
  onPrepare?: (done: number, total: number) => void;
  /** A candidate is tried: "WebGPU, int4". */
  onTry?: (candidate: string) => void;
  onWarmUp?: () => void;
  /** Wraps what the model's chat template and tokenizer do, for an owner that watches over it (shared/text-work.ts). */
  textWork?: TellTextWork;
}

/**
 * Teacher forcing: what the model says of a given text. `rope`: the factors to use; absent: those of the text's own length.
 * Each call overwrites the KV cache.
 */
interface Scores {
  /** Argmax `[length]`, and ln p of each next token `[length - 1]`. */
  text(ids: readonly number[], rope?: RopeSet): Promise<{ argmax: Int32Array; logprobs: Float32Array }>;
  /** From position `from` on: argmax, and best logit minus second best, `[length - from]` each. */
  gaps(ids: readonly number[], from?: number, rope?: RopeSet): Promise<{ argmax: Int32Array; gaps: Float32Array }>;
  /** Like `text`, from position `from` on. */
  steps(ids: readonly number[], options: { from: number; gaps: boolean }): Promise<StepScores>;
  /** `[vocab]`: logits after the last token. */
  lastLogits(ids: readonly number[]): Promise<Float32Array>;
}

export interface Model extends ModelHeader {
  readonly report: EngineReport;
  readonly score: Scores;
  /** For tools that measure single runs. Replies to people go through `tokens` and `reply`. */
  readonly decoder: Decoder;
  /** Tokens after `prompt`. `cache`: go on with what is in the KV cache as far as it agrees, or begin empty. */
  tokens(prompt: readonly number[], options: TokenOptions & { cache: 'kept' | 'empty' }): AsyncGenerator<TokenEvent>;
  /**
   * A reply as events; the last is `end`. Throws `context-full` when the prompt alone does not fit.
   * @param kept where the cache of `request.keep` lies
   */
  reply(
    request: GenerateRequest,
    signal: AbortSignal,
    onEvent: (event: GenerateEvent) => void,
    kept?: KeptCaches,
  ): Promise<void>;
  /** Keeps the KV cache as that of the conversation that was answered last, between replies. */
  keepCache(kept: KeptCaches, request: RestoreRequest, signal: AbortSignal): Promise<void>;
  /** Restores a conversation's kept cache before its next message is known, between replies. */
  restoreCache(kept: KeptCaches, request: RestoreRequest, signal: AbortSignal): Promise<void>;
  /** How `reply` would fit the request into the context. */
  fit(request: FitRequest): ContextFit;
  /** Frees sessions, tensors and contexts. The model must not be used afterwards. */
  dispose(): Promise<void>;
}

/** Reads headers, configuration and tokenizer. Rejects as `openCheckpoint` does. */
export async function readModel(files: ModelFiles): Promise<ModelHeader> {
  return openHeader(files);
}

/**
 * Opens a model and gets it ready to answer. Rejects with `bad-model`, `unsupported-model` (the files), `backend`, `device-lost`, `out-of-memory`
 * (what was to run it; `detail.candidate` names it where the chain may go on), or `cancelled`.
 */
export async function openModel(files: ModelFiles, request: ModelRequest, on: ModelEvents = {}): Promise<Model> {
  const started = performance.now();
  const weightCache =
    request.weightCache && request.fallback === 'next-worker'
      ? startEarly(request, files, request.weightCache)
      : request.weightCache;
  const early = await request.earlyModel?.take();
  const header = early?.header ?? (await openHeader(files, on.textWork));
  const { checkpoint } = header;
  const { decoder, ...chosen } = await chooseDecoder(
    header,
    { ...request, weightCache, early: early?.weights },
    files,
    on,
  );
  try {
    request.signal?.throwIfAborted();
    const loadMs = performance.now() - started;
    if (request.warmUp) on.onWarmUp?.();
    const { ms: warmUpMs, costs } = request.warmUp
      ? await span('warm-up', () =>
          warmUp(decoder, checkpoint.config, chosen.scored !== undefined && decoder.facts.backend === 'wasm'),
        )
      : { ms: 0, costs: null };
    const { backend, device = null, form = 'auto', power } = request;
    const report = engineReport({
      model: request.model,
      name: request.name ?? checkpoint.config.name,
      checkpoint,
      decoder,
      asked: { backend, device, form, power },
      rejected: chosen.rejected,
      ...(chosen.scored && { scored: chosen.scored }),
      notes: [...checkpoint.notes, ...chosen.notes],
      faster: chosen.faster,
      loadMs,
      warmUpMs,
    });
    return new OpenModel(header, decoder, report, costs);
  } catch (error) {
    await decoder.dispose();
    throw error;
  }
}

type Chosen = Omit<ChainResult, 'scored'> & Partial<Pick<ChainResult, 'scored'>>;

async function chooseDecoder(
  header: Header,
  request: ModelRequest,
  files: ModelFiles,
  { onPrepare, onTry }: ModelEvents,
): Promise<Chosen> {
  const { checkpoint } = header;
  const { backend, fallback } = request;
  const form = request.form ?? 'auto';
  if (fallback === 'none') {
    if (backend === 'auto') throw new PhiError('bad-request', 'Without fallback, the request must name a backend.');
    const decoder = await pinnedDecoder(checkpoint, { ...request, backend, form, files }, onPrepare);
    return { decoder, rejected: [], notes: [] };
  }
  const chain: ChainRequest = {
    ...request,
    model: request.contentKey ?? request.model,
    form,
    files,
    selfTestIds: await span('tokenizer', () => Promise.resolve(header.tokenizer.encode(SELF_TEST_TEXT))),
    memory: await span('probe memory', () => ProbeMemory.open(request.forgive ?? false)),
    onTry,
  };
  return fallback === 'next-worker'
    ? walkChain(checkpoint, chain, onPrepare)
    : walkInOneWorker(checkpoint, chain, onPrepare);
}

/** Continues with the next candidate after a failure, for tools whose worker nobody restarts. */
async function walkInOneWorker(
  checkpoint: Checkpoint,
  request: ChainRequest,
  onPrepare: ModelEvents['onPrepare'],
): Promise<ChainResult> {
  const avoid = [...(request.avoid ?? [])];
  for (;;) {
    try {
      return await walkChain(checkpoint, { ...request, avoid }, onPrepare);
    } catch (cause) {
      const { message, detail } = PhiError.from(cause);
      const candidate = detail?.candidate;
      if (typeof candidate !== 'string' || avoid.some((one) => one.candidate === candidate)) throw cause;
      avoid.push({ candidate, why: message });
    }
  }
}

class OpenModel implements Model {
  readonly report: EngineReport;
  readonly score: Scores;
  readonly #header: Header;
  readonly decoder: Decoder;
  readonly #sequence: Sequence;
  #constraints: Constraints | undefined;

  constructor(header: Header, decoder: Decoder, report: EngineReport, costs: ChunkCosts | null) {
    this.#header = header;
    this.report = report;
    this.decoder = decoder;
    const { config } = header;
    this.#sequence = new Sequence(decoder, config, costs);
    const ropeOf = (ids: readonly number[]): RopeSet => ropeSetFor(config, ids.length);
    this.score = {
      text: (ids, rope = ropeOf(ids)) => scoreText(decoder, ids, rope),
      gaps: (ids, from = 0, rope = ropeOf(ids)) => scoreGaps(decoder, ids, rope, from),
      steps: (ids, options) => scoreSteps(decoder, ids, ropeOf(ids), options),
      lastLogits: (ids) => lastLogits(decoder, ids, ropeOf(ids)),
    };
  }

  get config(): PhiConfig {
    return this.#header.config;
  }

  get tokenizer(): Tokenizer {
    return this.#header.tokenizer;
  }

  get conversation(): Conversation {
    return this.#header.conversation;
  }

  get webgpuForms(): ModelHeader['webgpuForms'] {
    return this.#header.webgpuForms;
  }

  tokens(
    prompt: readonly number[],
    { cache, ...options }: TokenOptions & { cache: 'kept' | 'empty' },
  ): AsyncGenerator<TokenEvent> {
    const sequence = cache === 'kept' ? this.#sequence : new Sequence(this.decoder, this.config);
    return generateTokens(sequence, prompt, options);
  }

  async reply(
    request: GenerateRequest,
    signal: AbortSignal,
    onEvent: (event: GenerateEvent) => void,
    kept?: KeptCaches,
  ): Promise<void> {
    const help = { constraints: await this.#constraintsFor(request), kept };
    const { conversation, config } = this;
    await generateReply(this.#sequence, conversation, config.eos, request, signal, onEvent, help);
  }

  /** undefined: the reply is free. */
  async #constraintsFor({ constraint, tools = [], enforce = true }: GenerateRequest): Promise<Constraints | undefined> {
    if (!enforce || (!constraint && tools.length === 0)) return undefined;
    const { Constraints } = await import('./constraint/constraint.ts');
    const { config } = this;
    const { tokenizer } = this.conversation;
    return (this.#constraints ??= new Constraints(tokenizer, config.vocab, [
      ...new Set([...config.eos, ...tokenizer.ends]),
    ]));
  }

  keepCache(kept: KeptCaches, request: RestoreRequest, signal: AbortSignal): Promise<void> {
    return kept.save(this.#sequence, request.keep, systemIds(this.conversation, request), signal);
  }

  async restoreCache(kept: KeptCaches, request: RestoreRequest, signal: AbortSignal): Promise<void> {
    await restoreAhead(this.#sequence, this.conversation, request, kept, signal);
  }

  fit(request: FitRequest): ContextFit {
    return measureRequest(this.conversation, this.decoder.slots, request);
  }

  dispose(): Promise<void> {
    return this.decoder.dispose();
  }
}
