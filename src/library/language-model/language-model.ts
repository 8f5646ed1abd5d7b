/** `LanguageModel` of the Prompt API (https://webmachinelearning.github.io/prompt-api), over an engine of ours. */
import type { ChatMessage, Constraint } from '../../../workers/shared/protocol.ts';
import { randomSeed } from '../../../workers/shared/seed.ts';
import { AsyncQueue } from '../../engine/async-queue.ts';
import { unlessAborted } from '../../engine/abort.ts';
import type { Tool } from '../../tools/tool.ts';
import { constraintOf, withConstraintInWords } from './constraint.ts';
import { notSupported, throwIfAborted, toDomException } from './errors.ts';
import { PARAMS, samplingOf, unsupported, type SessionSampling } from './options.ts';
import { canonicalPrompt } from './prompt.ts';
import type { HostReply, HostRequest, LanguageModelHost } from './host.ts';
import { makeReady } from './ready.ts';
import { History } from './session.ts';
import { toolsOf } from './tools.ts';
import type {
  Availability,
  LanguageModel as LanguageModelInterface,
  LanguageModelAppendOptions,
  LanguageModelCloneOptions,
  LanguageModelConstructor,
  LanguageModelCreateCoreOptions,
  LanguageModelCreateOptions,
  LanguageModelHandler,
  LanguageModelParams,
  LanguageModelPrompt,
  LanguageModelPromptOptions,
  LanguageModelSamplingMode,
} from './types.ts';

export interface LanguageModelSettings {
  /** As in an extension: `topK`, `temperature` and `params()` work. Default: false. */
  rawSampling?: boolean;
}

/** At most one part in this many of the context is kept free for a reply. */
const REPLY_SHARE = 4;
const MOST_REPLY_TOKENS = 1024;

interface Shared {
  host: LanguageModelHost;
  sampling: SessionSampling;
  maxTokens: number;
  /** As in an extension. */
  raw: boolean;
  tools: readonly Tool[];
}

/** Only this module makes sessions: the class has no constructor for pages. */
const INTERNAL = Symbol('a session');
/** Destroys a session for a reason of the caller's; no member that pages know. */
const END = Symbol('end');

/** A session: the instance side of the specification's interface. */
class Session extends EventTarget implements LanguageModelInterface {
  readonly #shared: Shared;
  readonly #history: History;
  readonly #destroyed = new AbortController();
  readonly #handlers = new Map<string, LanguageModelHandler>();
  /** The calls of this session, one behind the other. */
  #queue: Promise<unknown> = Promise.resolve();

  constructor(internal: typeof INTERNAL, shared: Shared, history: History) {
    if (internal !== INTERNAL) throw new TypeError('Illegal constructor: call LanguageModel.create().');
    super();
    this.#shared = shared;
    this.#history = history;
  }

  get contextUsage(): number {
    return this.#history.usage;
  }

  get contextWindow(): number {
    return this.#history.contextWindow;
  }

  get samplingMode(): LanguageModelSamplingMode {
    return this.#shared.sampling.mode;
  }

  /** Extensions only; undefined elsewhere. */
  get topK(): number | undefined {
    return this.#shared.raw ? this.#shared.sampling.sampling.topK : undefined;
  }

  /** Extensions only; undefined elsewhere. */
  get temperature(): number | undefined {
    return this.#shared.raw ? this.#shared.sampling.sampling.temperature : undefined;
  }

  get oncontextoverflow(): LanguageModelHandler {
    return this.#handlers.get('contextoverflow') ?? null;
  }

  set oncontextoverflow(handler: LanguageModelHandler) {
    this.#handle('contextoverflow', handler);
  }

  /** The name that `contextUsage` had before. */
  get inputUsage(): number {
    return this.contextUsage;
  }

  /** The name that `contextWindow` had before. */
  get inputQuota(): number {
    return this.contextWindow;
  }

  /** The name that `oncontextoverflow` had before. */
  get onquotaoverflow(): LanguageModelHandler {
    return this.#handlers.get('quotaoverflow') ?? null;
  }

  set onquotaoverflow(handler: LanguageModelHandler) {
    this.#handle('quotaoverflow', handler);
  }

  async prompt(input: LanguageModelPrompt, options: LanguageModelPromptOptions = {}): Promise<string> {
    let text = '';
    for await (const piece of this.#reply(input, options, options.signal)) text += piece;
    return text;
  }

  promptStreaming(input: LanguageModelPrompt, options: LanguageModelPromptOptions = {}): ReadableStream<string> {
    const left = new AbortController();
    const signal = options.signal ? AbortSignal.any([options.signal, left.signal]) : left.signal;
    const pieces = this.#reply(input, options, signal);
    // The call takes its place in the queue now, not when somebody reads.
    const first = pieces.next();
    first.catch(() => undefined); // the stream tells of it
    let next: Promise<IteratorResult<string, void>> | null = first;
    return new ReadableStream<string>({
      async pull(controller) {
        const { done, value } = await (next ?? pieces.next());
        next = null;
        if (done) controller.close();
        else controller.enqueue(value);
      },
      cancel(reason) {
        left.abort(reason);
      },
    });
  }

  async append(input: LanguageModelPrompt, options: LanguageModelAppendOptions = {}): Promise<undefined> {
    await this.#inTurn(options.signal, async (signals) => {
      const { messages } = canonicalPrompt(input, this.#begun);
      const { rest, tokens } = await this.#fit(messages, signals);
      this.#history.keep(rest, tokens);
    });
  }

  async measureContextUsage(input: LanguageModelPrompt, options: LanguageModelPromptOptions = {}): Promise<number> {
    const { signal } = options;
    const signals = [this.#destroyed.signal, signal];
    throwIfAborted(signals);
    const constraint = constraintOf(options);
    const { messages } = canonicalPrompt(input, this.#begun);
    const told = tell(messages, constraint, options);
    const before = this.#history.messages;
    const measure = this.#measure(signals);
    const tokens = await measure([...before, ...told]).catch(rethrow('prompt'));
    if (!Number.isFinite(tokens)) return measure(told).catch(rethrow('prompt'));
    const held = before.length > 0 ? await measure(before).catch(rethrow('prompt')) : 0;
    return Math.max(0, tokens - held);
  }

  /** The name that `measureContextUsage` had before. */
  measureInputUsage(input: LanguageModelPrompt, options: LanguageModelPromptOptions = {}): Promise<number> {
    return this.measureContextUsage(input, options);
  }

  /** Shares the loaded model; what is said in one session is not known to the other. */
  async clone(options: LanguageModelCloneOptions = {}): Promise<LanguageModelInterface> {
    throwIfAborted([this.#destroyed.signal, options.signal]);
    await Promise.resolve();
    throwIfAborted([this.#destroyed.signal, options.signal]);
    return new (this.constructor as typeof Session)(INTERNAL, this.#shared, this.#history.copy());
  }

  /** Ends what is under way with an AbortError. The loaded model stays for other sessions. */
  destroy(): void {
    this.#destroyed.abort(new DOMException('The session was destroyed.', 'AbortError'));
  }

  /** As `destroy`, with a reason. */
  [END](reason: unknown): void {
    this.#destroyed.abort(reason);
  }

  get #begun(): boolean {
    return this.#history.usage > 0;
  }

  #handle(type: string, handler: LanguageModelHandler): void {
    const before = this.#handlers.get(type);
    if (before) this.removeEventListener(type, before);
    this.#handlers.set(type, typeof handler === 'function' ? handler : null);
    if (typeof handler === 'function') this.addEventListener(type, handler);
  }

  /** Runs behind the calls before it; an abort leaves the queue at once. */
  async #inTurn<T>(signal: AbortSignal | undefined, run: (signals: AbortSignal[]) => Promise<T>): Promise<T> {
    const signals = [this.#destroyed.signal, ...(signal ? [signal] : [])];
    throwIfAborted(signals);
    const turn = this.#queue.then(() => {
      throwIfAborted(signals);
      return run(signals);
    });
    this.#queue = turn.catch(() => undefined); // the caller gets the rejection
    return unlessAborted(turn, signals).catch(rethrow('prompt'));
  }

  #measure(signals: readonly (AbortSignal | undefined)[]): (messages: ChatMessage[]) => Promise<number> {
    const { host, tools } = this.#shared;
    return (messages) => unlessAborted(host.measure(messages, tools), signals);
  }

  async #fit(messages: ChatMessage[], signals: AbortSignal[]): Promise<{ rest: ChatMessage[]; tokens: number }> {
    const { rest, tokens, left } = await this.#history.with(messages, this.#measure(signals));
    if (left > 0) {
      this.#history.drop(left);
      for (const type of ['contextoverflow', 'quotaoverflow']) this.dispatchEvent(new Event(type));
    }
    return { rest, tokens };
  }

  async *#reply(
    input: LanguageModelPrompt,
    options: LanguageModelPromptOptions,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<string, void, void> {
    const constraint = constraintOf(options);
    const pieces = new AsyncQueue<string>();
    const run = this.#inTurn(signal, async (signals) => {
      const { messages, prefix } = canonicalPrompt(input, this.#begun);
      const { rest } = await this.#fit(tell(messages, constraint, options), signals);
      await this.#generate({ rest, prefix, constraint }, signals, (piece) => pieces.push(piece));
    });
    run.then(
      () => pieces.close(),
      (reason: unknown) => pieces.fail(reason),
    );
    yield* pieces;
  }

  /** Nothing of an aborted prompt stays. */
  async #generate(
    { rest, prefix, constraint }: { rest: ChatMessage[]; prefix: boolean; constraint: Constraint | null },
    signals: AbortSignal[],
    onText: (piece: string) => void,
  ): Promise<void> {
    const { sampling, maxTokens, tools } = this.#shared;
    const signal = AbortSignal.any(signals);
    const request: HostRequest = {
      messages: [...this.#history.initial, ...rest],
      sampling: { ...sampling.sampling, seed: randomSeed() },
      maxTokens,
      prefix,
      constraint,
      ...(tools.length > 0 && { tools }),
    };
    const pieces = this.#shared.host.reply(request, signal);
    let text = '';
    for (;;) {
      const { done, value } = await pieces.next();
      throwIfAborted(signals);
      if (done) return this.#history.keep(withReply(rest, prefix, text, value.called), value.contextTokens);
      text += value;
      onText(value);
    }
  }
}

/**
 * A class with the interface of the specification, whose sessions all run on `host`.
 * Prompts of one session run in the order of their calls; those of different sessions take turns on the one model.
 */
export function defineLanguageModel(
  host: LanguageModelHost,
  settings: LanguageModelSettings = {},
): LanguageModelConstructor {
  const raw = settings.rawSampling ?? false;

  return class LanguageModel extends Session {
    static async availability(options: LanguageModelCreateCoreOptions = {}): Promise<Availability> {
      samplingOf(options, raw);
      return unsupported(options) === null ? host.availability() : 'unavailable';
    }

    /** Extensions only; null elsewhere. */
    static params(): Promise<LanguageModelParams | null> {
      return Promise.resolve(raw ? PARAMS : null);
    }

    static async create(options: LanguageModelCreateOptions = {}): Promise<LanguageModel> {
      const { signal, initialPrompts = [] } = options;
      throwIfAborted([signal]);
      const sampling = samplingOf(options, raw);
      const refused = unsupported(options);
      if (refused !== null) throw notSupported(refused);
      const tools = toolsOf(options.tools);
      if (tools.length > 0 && !host.takesTools)
        throw notSupported('This model is lent by another site, so it cannot call tools.');
      const initial = initialPrompts.length > 0 ? canonicalPrompt(initialPrompts, false).messages : [];
      const contextLength = await makeReady(host, options);
      const maxTokens = Math.min(MOST_REPLY_TOKENS, Math.floor(contextLength / REPLY_SHARE));
      const history = new History(initial, contextLength - maxTokens);
      const measure = (messages: ChatMessage[]) => unlessAborted(host.measure(messages, tools), [signal]);
      if (initial.length > 0) {
        const { tokens } = await new History([], history.contextWindow).with(initial, measure);
        history.keep([], tokens);
      }
      const session = new LanguageModel(INTERNAL, { host, sampling, maxTokens, raw, tools }, history);
      // As the specification has it: the signal of the creation destroys the session later.
      signal?.addEventListener('abort', () => session[END](signal.reason), { once: true });
      return session;
    }
  };
}

const tell = (
  messages: ChatMessage[],
  constraint: Constraint | null,
  { omitResponseConstraintInput: omit = false }: LanguageModelPromptOptions,
): ChatMessage[] => (constraint === null || omit ? messages : withConstraintInWords(messages, constraint));

/** The messages with the reply behind them, in one message with its prefix. */
function withReply(rest: ChatMessage[], prefix: boolean, text: string, called: HostReply['called']): ChatMessage[] {
  const begun = rest.at(-1);
  // What stood in front of the calls is in their rounds, a prefix included.
  const reply = called ? { content: called.answer, rounds: called.rounds } : { content: text };
  if (!prefix || !begun) return [...rest, { role: 'assistant', ...reply }];
  if (called) return [...rest.slice(0, -1), { ...begun, ...reply }];
  return [...rest.slice(0, -1), { ...begun, content: begun.content + text }];
}

const rethrow =
  (during: 'create' | 'prompt') =>
  (cause: unknown): never => {
    throw toDomException(cause, during);
  };
