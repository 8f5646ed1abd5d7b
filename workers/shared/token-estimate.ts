/** Tokens of a text without a tokenizer, for what is shown before a model is loaded. */
const WIDE = /[\u1100-\u11ff\u2e80-\ua4cf\uac00-\ud7af\uf900-\ufaff\uff01-\uff60]/g;
/** Latin letters to a token, and wide characters (CJK) to a token, with vocabularies of about 100,000 tokens. */
const NARROW_PER_TOKEN = 4;
const WIDE_PER_TOKEN = 1.1;

/** About right for prose: within a third for English and Japanese. */
export function estimateTokens(text: string): number {
  const wide = text.match(WIDE)?.length ?? 0;
  return Math.ceil((text.length - wide) / NARROW_PER_TOKEN + wide / WIDE_PER_TOKEN);
}
