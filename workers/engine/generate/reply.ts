/** A reply as the page sees it: tokens of the loop turned into text, stop strings, statistics. */
import { PhiError } from '../../shared/errors.ts';
import type {
  ChatMessage,
  ContextFit,
  FitRequest,
  GenerateEvent,
  GenerateRequest,
  GenerateStats,
  StopReason,
} from '../../shared/protocol.ts';
import type { Conversation } from '../tokenizer/conversation.ts';
import type { Tokenizer } from '../tokenizer/types.ts';
import { fitMessages, type Fitted } from '../../shared/context-fit.ts';
import type { Constraints } from '../constraint/constraint.ts';
import type { Matcher } from '../constraint/matcher.ts';
import { generateTokens } from './generate.ts';
import type { KeptCaches } from '../kept/kept-caches.ts';
import { keepIds } from './keep-ids.ts';
import type { Sequence } from './sequence.ts';
import { ReplyText } from './text.ts';

export interface ReplyHelp {
  /** Needed where the request has a constraint. */
  constraints?: Constraints;
  /** Needed where the request has a conversation whose cache is kept. */
  kept?: KeptCaches;
}

/** Sends a reply to `request` as events; the last is `end`. Throws `context-full` when the prompt alone does not fit. */
export async function generateReply(
  sequence: Sequence,
  conversation: Conversation,
  eos: readonly number[],
  request: GenerateRequest,
  signal: AbortSignal,
  onEvent: (event: GenerateEvent) => void,
  { constraints, kept }: ReplyHelp = {},
): Promise<void> {
  const resumed = request.resume ?? [];
  const { slots } = sequence.decoder;
  const { tokenizer } = conversation;
  const { messages, dropped, tokens, ids: encoded } = fitRequest(conversation, slots, request);
  onEvent({ type: 'context', fit: { tokens, dropped: dropped.length, over: 0 } });
  const started = performance.now();
  if (kept && request.keep !== undefined) await kept.restore(sequence, tokenizer, encoded, resumed.length, signal);
  const restoreMs = performance.now() - started;
  const prompt = [...keepIds(tokenizer, sequence.ids, encoded), ...resumed];
  /** The part of the reply that the template already wrote. It is sent with the first token. */
  let opening = request.continueLast ? '' : conversation.opening(messages, { tools: request.tools });
  const text = textOf(request, tokenizer, request.continueLast ? messages.at(-1)!.content : opening);
  const ends = [...new Set([...eos, ...tokenizer.ends])];
  const stats = new Stats(prompt.length - resumed.length, resumed.length, restoreMs);
  const wanted = request.maxTokens - resumed.length;
  const maxTokens = Math.min(wanted, slots - prompt.length);
  let reason: StopReason = maxTokens < wanted ? 'context-full' : 'max-tokens';
  for (const id of resumed) text.push(id); // already shown, except for the text held back
  const held = constraints && holdTo(constraints, conversation, request, opening, maxTokens);
  if (resumed.length > 0) opening = '';
  const onPrefill = (done: number, total: number) => onEvent({ type: 'prefill', done, total });
  const asked = { sampling: request.sampling, drafts: request.drafts, constraint: held?.matcher };
  const options = { ...asked, maxTokens, eos: ends, skip: resumed.length, signal, onPrefill };
  try {
    // A backend with a shorter context may leave no room for a reply that was under way.
    for await (const event of maxTokens > 0 ? generateTokens(sequence, prompt, options) : []) {
      if (event.type === 'rope-switch') {
        onEvent({ type: 'notice', notice: 'rope-switch' });
        continue;
      }
      const ids = event.type === 'first' ? [...(event.before ?? []), event.id] : event.ids;
      stats.add(event);
      const added = pushIds(text, ids, ends);
      onEvent({ type: 'text', text: opening + added.text, tokens: stats.generated, ids });
      opening = '';
      const stop = added.stop ?? (signal.aborted ? 'cancelled' : null);
      if (stop) {
        reason = stop;
        break;
      }
    }
    // The loop ends by itself at the last token allowed, or between two runs because of an abort.
    if (signal.aborted && (reason === 'max-tokens' || reason === 'context-full')) reason = 'cancelled';
  } catch (error) {
    if (!signal.aborted) throw error;
    reason = 'cancelled';
  }
  for (const event of lastEvents(text, reason, stats.generated)) onEvent(event);
  onEvent({ type: 'end', reason, stats: { ...stats.report(sequence.length), ...held?.stats() } });
}

/** `begun`: the part of the reply that is there before its first token. */
function textOf(
  { stop, continueLast, tools = [], mayCall }: GenerateRequest,
  tokenizer: Tokenizer,
  begun: string,
): ReplyText {
  const calls = tools.length > 0 && mayCall !== false ? { begun } : undefined;
  return new ReplyText(tokenizer, { stop, continues: continueLast, calls });
}

/** What was held back, and the calls. */
function* lastEvents(text: ReplyText, reason: StopReason, tokens: number): Generator<GenerateEvent> {
  const rest = text.end(reason === 'end' || reason === 'stop-string');
  if (rest.text && reason !== 'stop-string') yield { type: 'text', text: rest.text, tokens, ids: [] };
  if (rest.calls.length > 0) yield { type: 'calls', calls: rest.calls };
}

/** The matcher that holds the reply to its form, after the part already written; undefined: no constraint. */
function holdTo(
  constraints: Constraints,
  conversation: Conversation,
  {
    constraint,
    tools = [],
    mayCall = true,
    messages,
    resume = [],
    continueLast = false,
    enforce = true,
  }: GenerateRequest,
  opening: string,
  maxTokens: number,
): { matcher: Matcher; stats: () => Pick<GenerateStats, 'constraint'> } | undefined {
  if (!enforce || (!constraint && tools.length === 0)) return undefined;
  const started = performance.now();
  const begun = continueLast ? messages.at(-1)!.content : '';
  const thinking = constraints.thinking(opening, begun);
  const matcher =
    tools.length > 0
      ? constraints.callMatcher({ tools, mayCall, spelling: conversation.callSpelling, constraint }, thinking)
      : constraints.matcher(constraint!, thinking);
  matcher.resume(begun);
  matcher.push(resume);
  if (maxTokens > 0) matcher.assertRoom(maxTokens);
  const compileMs = performance.now() - started;
  return { matcher, stats: () => ({ constraint: { compileMs, ...matcher.spent } }) };
}

/** The text that tokens add, up to the one that ends the reply. */
function pushIds(
  text: ReplyText,
  ids: readonly number[],
  ends: readonly number[],
): { text: string; stop: 'end' | 'stop-string' | null } {
  let out = '';
  for (const id of ids) {
    if (ends.includes(id)) return { text: out, stop: 'end' };
    const pushed = text.push(id);
    out += pushed.text;
    if (pushed.stop) return { text: out, stop: 'stop-string' };
  }
  return { text: out, stop: null };
}

/** At most one part in REPLY_SHARE of the context is kept free for a reply. */
const REPLY_SHARE = 4;

/** The messages of the prompt, and its tokens. Throws `context-full` if the last turn alone leaves no slot for a reply. */
function fitRequest(
  conversation: Conversation,
  slots: number,
  { messages, maxTokens, continueLast, droppedBefore, tools }: FitRequest,
): Fitted & { ids: readonly number[] } {
  const room = Math.min(maxTokens, Math.floor(slots / REPLY_SHARE)) - 1;
  const encoded = new Map<ChatMessage[], number[]>(); // so that messages are not encoded twice
  const count = (some: ChatMessage[]): number => {
    const ids = conversation.encode(some, { continueLast, tools });
    encoded.set(some, ids);
    return ids.length;
  };
  const fitted = fitMessages(messages, count, slots - 1, { room, droppedBefore });
  return { ...fitted, ids: encoded.get(fitted.messages)! };
}

/** Restores the kept cache of a conversation whose next message is not known yet; nothing if its last turn alone leaves no slot for a reply. */
export async function restoreAhead(
  sequence: Sequence,
  conversation: Conversation,
  request: FitRequest,
  kept: KeptCaches,
  signal: AbortSignal,
): Promise<void> {
  const { messages } = request;
  const { slots } = sequence.decoder;
  const next: ChatMessage = { role: 'user', content: '' };
  const asked = messages.at(-1)?.role === 'assistant' ? [...messages, next] : messages;
  const whole = { ...request, messages: asked };
  if (measureRequest(conversation, slots, whole).over > 0) return;
  await kept.restore(sequence, conversation.tokenizer, fitRequest(conversation, slots, whole).ids, 0, signal);
}

/** How a request would fit, counted only. */
export function measureRequest(conversation: Conversation, slots: number, request: FitRequest): ContextFit {
  try {
    const { tokens, dropped } = fitRequest(conversation, slots, request);
    return { tokens, dropped: dropped.length, over: 0 };
  } catch (error) {
    if (!(error instanceof PhiError) || error.code !== 'context-full') throw error;
    const tokens = Number(error.detail?.tokens);
    return { tokens, dropped: 0, over: tokens - Number(error.detail?.limit) };
  }
}

class Stats {
  readonly #promptTokens: number;
  readonly #resumed: number;
  readonly #restoreMs: number;
  #prefilled = 0;
  #firstMs = 0;
  #decodeMs = 0;
  /** Tokens of the whole reply. */
  generated: number;

  constructor(promptTokens: number, resumed: number, restoreMs: number) {
    this.#promptTokens = promptTokens;
    this.#restoreMs = restoreMs;
    this.#resumed = resumed;
    this.generated = resumed;
  }

  add(
    event:
      | { type: 'first'; before?: number[]; computed: number; ms: number }
      | { type: 'tokens'; ids: number[]; ms: number },
  ): void {
    if (event.type === 'first') {
      this.#prefilled = event.computed;
      this.#firstMs = event.ms;
      this.generated += 1 + (event.before?.length ?? 0);
    } else {
      this.generated += event.ids.length;
      this.#decodeMs += event.ms;
    }
  }

  report(contextTokens: number): GenerateStats {
    const perSecond = (tokens: number, ms: number) => (ms > 0 ? (1000 * tokens) / ms : 0);
    return {
      promptTokens: this.#promptTokens,
      prefilledTokens: this.#prefilled,
      generatedTokens: this.generated,
      contextTokens,
      timeToFirstTokenMs: this.#restoreMs + this.#firstMs,
      prefillTokensPerSecond: perSecond(this.#prefilled, this.#firstMs),
      decodeTokensPerSecond: perSecond(this.generated - this.#resumed - 1, this.#decodeMs),
    };
  }
}
