/** The one stopwatch: the engine in this tab, servers and the browser's own model are timed by the same code, from the request to each arrival of text. */
import type { Timing } from './compare-protocol.ts';
import { PhiError } from './errors.ts';

/** Something that came out of a model. */
export interface Arrival {
  /** Tokens in it; 0 where only a closing message came. */
  tokens: number;
  text: string;
  /** The time since the last arrival went into computing the whole sequence again (LongRoPE): no decode speed can be read from it. */
  recomputed?: boolean;
  /** A server's own count, once it is known; it replaces what was counted by arrivals. */
  usage?: { promptTokens: number; tokens: number };
  /** The server's name for the model that answers. Some servers use the loaded model, whatever model the request names. */
  model?: string;
}

/** Times what `start` streams. `now` in ms. Rejects with what the stream throws, and with `backend` where the clock is too coarse for the first token. */
export async function timeStream(
  promptTokens: number,
  start: () => AsyncIterable<Arrival>,
  onArrival: (tokens: number, text: string) => void = () => undefined,
  now: () => number = () => performance.now(),
): Promise<Timing> {
  const started = now();
  const pieces: Timing['pieces'] = [];
  const arrivals: Timing['arrivals'] = [];
  let first: { at: number; tokens: number } | null = null;
  let last = started;
  let excludedMs = 0;
  let excludedTokens = 0;
  let tokens = 0;
  let usage: Arrival['usage'];
  let model: string | null = null;
  for await (const arrival of start()) {
    const at = now();
    usage = arrival.usage ?? usage;
    model = arrival.model ?? model;
    if (arrival.tokens === 0) continue;
    tokens += arrival.tokens;
    if (!first) first = { at, tokens };
    else if (arrival.recomputed) {
      excludedMs += at - last;
      excludedTokens += arrival.tokens;
    }
    last = at;
    pieces.push([at - started, arrival.text]);
    arrivals.push([at - started, arrival.tokens, arrival.text.length]);
    onArrival(tokens, arrival.text);
  }
  const ttftMs = (first?.at ?? now()) - started;
  if (first && ttftMs <= 0)
    throw new PhiError('backend', 'The first token came sooner than the clock of this browser can tell.');
  const read = usage?.promptTokens ?? promptTokens;
  const all = usage?.tokens ?? tokens;
  const decoded = all - (first?.tokens ?? 0) - excludedTokens;
  const decodeMs = last - (first?.at ?? last) - excludedMs;
  return {
    model,
    promptTokens: read,
    tokens: all,
    ttftMs,
    prefillTokensPerSecond: (1000 * read) / ttftMs,
    decodeTokensPerSecond: decoded > 0 && decodeMs > 0 ? (1000 * decoded) / decodeMs : null,
    pieces,
    arrivals,
  };
}
