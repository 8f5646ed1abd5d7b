/**
 * What crosses between a page of another site (the guest) and our page that lends it a model (`lend.html`, a popup). The guest is a stranger:
 * every message of it is read by `readAsk` and `readGuestMessage`, and whatever they do not know ends the connection.
 */
import * as v from 'valibot';

export const LEND_PAGE = 'lend.html';
const VERSION = 1;

/** The popup to its opener, to anybody: only that it is there. */
export const READY = { phi: 'lend-ready' } as const;

/** Bounds of what a guest may ask for. */
export const LEND_LIMITS = {
  /** Characters of one conversation. */
  characters: 400_000,
  messages: 512,
  maxTokens: 4096,
  /** Calls that wait or run at a time. */
  open: 8,
  /** Calls in a minute. */
  perMinute: 60,
} as const;

const Ask = v.strictObject({ phi: v.literal('lend'), version: v.literal(VERSION) });
export const ASK: v.InferOutput<typeof Ask> = { phi: 'lend', version: VERSION };

const id = v.pipe(v.number(), v.integer(), v.minValue(0));
const between = (min: number, max: number) => v.pipe(v.number(), v.minValue(min), v.maxValue(max));
const Messages = v.pipe(
  v.array(
    v.strictObject({
      role: v.picklist(['system', 'user', 'assistant']),
      content: v.pipe(v.string(), v.maxLength(LEND_LIMITS.characters)),
    }),
  ),
  v.minLength(1),
  v.maxLength(LEND_LIMITS.messages),
  v.check(
    (messages) => messages.reduce((sum, { content }) => sum + content.length, 0) <= LEND_LIMITS.characters,
    'too long',
  ),
);
const Request = v.strictObject({
  messages: Messages,
  sampling: v.strictObject({
    temperature: between(0, 10),
    topK: between(0, 1e6),
    topP: between(0, 1),
    minP: between(0, 1),
    repetitionPenalty: between(1, 10),
    seed: between(0, 2 ** 32 - 1),
  }),
  maxTokens: v.pipe(between(1, LEND_LIMITS.maxTokens), v.integer()),
  prefix: v.boolean(),
});
const GuestMessage = v.variant('type', [
  v.strictObject({ type: v.literal('load'), id }),
  v.strictObject({ type: v.literal('measure'), id, messages: Messages }),
  v.strictObject({ type: v.literal('reply'), id, request: Request }),
  v.strictObject({ type: v.literal('abort'), id }),
]);
export type GuestMessage = v.InferOutput<typeof GuestMessage>;

export type LenderMessage =
  /** The person has agreed. Before it, nothing else comes. */
  | { type: 'granted' }
  /** The person said no, or withdrew: nothing comes after it. */
  | { type: 'refused' }
  | { type: 'progress'; id: number; fraction: number }
  | { type: 'text'; id: number; text: string }
  /** `load`: tokens of the context. `measure`: tokens, null for more than the context holds. `reply`: tokens of the context at its end. */
  | { type: 'done'; id: number; value: number | null }
  | { type: 'error'; id: number; code: string; message: string };

/** True for a guest's first message, which has a port with it. */
export const readAsk = (data: unknown): boolean => v.is(Ask, data);

/** A later message; null for anything that no guest of ours sends. */
export function readGuestMessage(data: unknown): GuestMessage | null {
  const result = v.safeParse(GuestMessage, data);
  return result.success ? result.output : null;
}
