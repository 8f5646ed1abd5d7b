import type { PhiError } from '../../workers/shared/errors.ts';
import type { GenerateStats, StopReason, ToolCall, ToolRound } from '../../workers/shared/protocol.ts';
import { splitThought } from '../../workers/shared/thoughts.ts';

/** Shortest time between two renderings of a growing reply. */
const RENDER_MS = 40;

export type ReplyPhase =
  | { kind: 'waiting' }
  | { kind: 'searching' }
  | { kind: 'prefill'; done: number; total: number }
  | { kind: 'streaming' }
  | { kind: 'calling'; calls: readonly ToolCall[] }
  | { kind: 'stopping' };

/** What there is of the reply already. */
interface Begun {
  thoughtMs?: number | null;
  server?: string | null;
  rounds?: readonly ToolRound[];
}

/** How a reply ended. */
export interface Outcome {
  reason?: StopReason;
  stats?: GenerateStats;
  error?: PhiError;
}

/** A reply while it streams: text comes in pieces, and is shown at most once an animation frame. */
export class LiveReply {
  readonly conversation: string;
  readonly message: string;
  /** Origin of the server that writes it; null: it is written on this page. */
  readonly server: string | null;
  readonly controller = new AbortController();
  #phase = $state.raw<ReplyPhase>({ kind: 'waiting' });
  #shown = $state('');
  /** All text so far, including text that no frame has shown yet. */
  #text: string;
  #tokens = $state(0);
  #thoughtMs = $state.raw<number | null>(null);
  #rounds = $state.raw<readonly ToolRound[]>([]);
  #thinks = true;
  #lastToken = performance.now();
  #lastRender = 0;
  #frame = 0;

  constructor(
    conversation: string,
    message: string,
    text: string,
    { thoughtMs = null, server = null, rounds = [] }: Begun = {},
  ) {
    this.#rounds = rounds;
    this.server = server;
    this.#thoughtMs = thoughtMs;
    this.conversation = conversation;
    this.message = message;
    this.#text = text;
    this.#shown = text;
  }

  get phase(): ReplyPhase {
    return this.#phase;
  }

  set phase(phase: ReplyPhase) {
    // Once a person has pressed Stop, nothing else is shown.
    if (this.#phase.kind !== 'stopping') this.#phase = phase;
  }

  /** Text to render; reactive. */
  get shown(): string {
    return this.#shown;
  }

  get text(): string {
    return this.#text;
  }

  get tokens(): number {
    return this.#tokens;
  }

  /** How long it has thought; null: it has not. */
  get thoughtMs(): number | null {
    return this.#thoughtMs;
  }

  /** `tokens`: of the whole reply by now. */
  append(text: string, tokens: number): void {
    this.#text += text;
    this.#tokens = tokens;
    if (this.#thinks) this.#timeThought();
    if (this.#frame === 0) this.#frame = requestAnimationFrame(this.#render);
  }

  /** The time between two pieces of text counts when the first was still a thought. */
  #timeThought(): void {
    const { thought, open } = splitThought(this.#text);
    const now = performance.now();
    if (thought !== null) this.#thoughtMs = this.#thoughtMs === null ? 0 : this.#thoughtMs + now - this.#lastToken;
    this.#lastToken = now;
    this.#thinks = open;
  }

  /** Calls of tools with their results; reactive. */
  get rounds(): readonly ToolRound[] {
    return this.#rounds;
  }

  /** Tools were called: what was written before belongs to the round. */
  addRound(round: ToolRound): void {
    this.#rounds = [...this.#rounds, round];
    this.#text = this.#shown = '';
    this.#thinks = true;
    this.#lastToken = performance.now();
    this.phase = { kind: 'waiting' };
  }

  stop(): void {
    this.phase = { kind: 'stopping' };
    this.controller.abort();
  }

  /** No rendering after this. */
  end(): void {
    cancelAnimationFrame(this.#frame);
    this.#shown = this.#text;
  }

  readonly #render = (now: number): void => {
    if (now - this.#lastRender < RENDER_MS) {
      this.#frame = requestAnimationFrame(this.#render);
      return;
    }
    this.#frame = 0;
    this.#lastRender = now;
    this.#shown = this.#text;
  };
}
