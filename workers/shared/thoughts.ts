/** Thoughts: the text of a reasoning model between `<think>` and `</think>` before its answer. Pure functions; the page folds thoughts with them, the engine removes them. */

export const THINK_OPEN = '<think>';
export const THINK_CLOSE = '</think>';

export interface SplitReply {
  /** null: the reply has none. */
  thought: string | null;
  answer: string;
  /** The thought has not ended. */
  open: boolean;
}

/** Length of the longest end of `text` that `mark` begins with, shorter than `mark`. */
export function overlap(text: string, mark: string): number {
  for (let length = Math.min(text.length, mark.length - 1); length > 0; length--)
    if (text.endsWith(mark.slice(0, length))) return length;
  return 0;
}

/** Only a thought at the start of a reply is one. A mark that is still growing is not shown as text. */
export function splitThought(text: string): SplitReply {
  const start = text.trimStart();
  if (!start.startsWith(THINK_OPEN)) {
    const growing = start !== '' && THINK_OPEN.startsWith(start);
    return growing ? { thought: '', answer: '', open: true } : { thought: null, answer: text, open: false };
  }
  const inner = start.slice(THINK_OPEN.length);
  const end = inner.indexOf(THINK_CLOSE);
  if (end < 0)
    return { thought: inner.slice(0, inner.length - overlap(inner, THINK_CLOSE)).trim(), answer: '', open: true };
  return {
    thought: inner.slice(0, end).trim(),
    answer: inner.slice(end + THINK_CLOSE.length).trimStart(),
    open: false,
  };
}

/** The reply as later turns see it. */
export function withoutThought(text: string): string {
  const { thought, answer } = splitThought(text);
  return thought === null ? text : answer;
}

/** The end of a rendered prompt that belongs to the reply, if the template opens the thought itself: `<think>` and white space, or ''. */
export function openedThought(prompt: string): string {
  return /<think>\s*$/.exec(prompt)?.[0] ?? '';
}
