/**
 * Prompt lookup (arXiv 2304.04487 and Saxena's prompt-lookup-decoding): where the text so far repeats itself, what followed last time is a draft of what
 * follows now, and one chunk checks it all. A draft is right when it is the token that the position's own random number picks (the best one where nothing is
 * left to chance), so the text is the same.
 */

/** Cost of a chunk of n tokens, as a line: `tokenMs` for a single step and `rowMs` for each token more. */
export interface ChunkCosts {
  tokenMs: number;
  rowMs: number;
}

/** A draft needs this many last tokens to have occurred before, in the same order. */
const MATCH = 2;
/** Longer matches than this do not improve a draft. */
const LONGEST_MATCH = 16;
/** As long as the match that it rests on. */
const FIRST_DRAFT = 2;
const LONGEST_DRAFT = 15;
/**
 * After a draft that was right the text is likely to come back to what it repeats: for so many tokens runs are single steps, because a draft can only follow a
 * run. docs/decisions/prompt-lookup.md has what that gains.
 */
const NEAR_TOKENS = 12;
const NEAR_RUN = 1;
/** A row that costs more of a step gains nothing: drafts of sampled replies are right too seldom for it. docs/decisions/prompt-lookup.md. */
const DEAREST_ROW = 0.42;
/** Part of the time spent on a reply that wrong drafts may cost, and what the first one may in tokens. */
const MOST_LOSS = 0.015;
const STAKE_TOKENS = 1.5;
/** Weight of the newest measurement in the average. */
const NEWEST = 0.3;

/**
 * At most `most` tokens that followed the longest earlier occurrence of the end of `tokens` (the latest one, if several are equally long).
 *
 * @param match tokens that such an occurrence has at least
 */
export function findDraft(tokens: readonly number[], most: number, match = MATCH): number[] {
  const end = tokens.length;
  let best = 0;
  let from = 0;
  for (let at = end - 1; at >= match && best < LONGEST_MATCH; at--) {
    let length = 0;
    while (length < LONGEST_MATCH && length < at && tokens[at - 1 - length] === tokens[end - 1 - length]) length++;
    if (length >= match && length > best) {
      best = length;
      from = at;
    }
  }
  return best > 0 ? tokens.slice(from, from + most) : [];
}

/** Decides when a draft is worth its chunk. Wrong drafts cost time: they are limited to a small part of the reply's. */
export class Lookup {
  #tokenMs: number;
  #rowMs: number;
  #length = FIRST_DRAFT;
  /** Time won by drafts so far, less what they cost and what may be lost. */
  #credit: number;
  /** Tokens since a draft was right, in part at least. */
  #sinceRight = Infinity;

  constructor({ tokenMs, rowMs }: ChunkCosts) {
    this.#tokenMs = tokenMs;
    this.#rowMs = Math.max(0, rowMs);
    this.#credit = STAKE_TOKENS * tokenMs;
  }

  /** Tokens to check after `tokens`; empty when there are none or they are not worth it. `room`: slots left for the last token and the draft. */
  draft(tokens: readonly number[], room: number): number[] {
    let most = Math.min(this.#length, room - 1);
    if (this.#rowMs > 0) most = Math.min(most, Math.floor(this.#credit / this.#rowMs));
    if (most < 1 || this.#rowMs > DEAREST_ROW * this.#tokenMs) return [];
    return findDraft(tokens, most);
  }

  /** Most tokens that the next run of single steps should take. */
  get run(): number {
    return this.#near && this.#credit > 0 ? NEAR_RUN : Infinity;
  }

  get #near(): boolean {
    return this.#sinceRight < NEAR_TOKENS;
  }

  /** After a run of single steps. */
  stepped(count: number, ms: number): void {
    // Each run costs something beside its steps: what short ones take longer is a cost of drafts, and no measure of a step.
    if (this.#near && count <= NEAR_RUN) this.#credit -= Math.max(0, ms - count * this.#tokenMs);
    else this.#tokenMs += NEWEST * (ms / count - this.#tokenMs);
    this.#sinceRight += count;
    this.#credit += MOST_LOSS * ms;
  }

  /** After a chunk that checked `drafted` tokens and found the first `right` of them right. */
  checked(drafted: number, right: number, ms: number): void {
    this.#rowMs += NEWEST * (Math.max(0, ms - this.#tokenMs) / drafted - this.#rowMs);
    this.#credit += right * this.#tokenMs - (ms - this.#tokenMs);
    this.#sinceRight = right > 0 ? 0 : this.#sinceRight + 1;
    if (right === drafted) this.#length = Math.min(LONGEST_DRAFT, 2 * this.#length);
    else this.#length = Math.max(FIRST_DRAFT, right + 1);
  }
}
