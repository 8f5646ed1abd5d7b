/** What a text is found by: stems of English words, numbers, and for scripts without spaces words and pairs of letters. */
import { stemmer } from 'stemmer';

/** Scripts that are written without spaces. */
const UNSPACED =
  '\\p{Script=Han}\\p{Script=Hiragana}\\p{Script=Katakana}\\p{Script=Thai}\\p{Script=Lao}\\p{Script=Khmer}ー々〆';
/** A run of such letters, a number with its separators, or a word. */
const RUN = new RegExp(
  `[${UNSPACED}]+|\\p{N}+(?:[.,:/-]\\p{N}+)*|[\\p{L}\\p{M}\\p{N}_]+?(?=[${UNSPACED}]|[^\\p{L}\\p{M}\\p{N}_]|$)`,
  'gu',
);
const IS_UNSPACED = new RegExp(`^[${UNSPACED}]`, 'u');
const IS_KANJI_PAIR = /^[\p{Script=Han}\p{Script=Katakana}ー々〆]{2}$/u;
/** Endings and particles: they are everywhere. */
const SHORT_HIRAGANA = /^\p{Script=Hiragana}{1,2}$/u;
/** Lines of a PDF break anywhere in such scripts. */
const BROKEN_LINE = new RegExp(`(?<=[${UNSPACED}])[ \\t]*\\n[ \\t]*(?=[${UNSPACED}])`, 'gu');

const STOP_WORDS = new Set(
  (
    'a about an and are as at be been but by can could did do does for from had has have he her his how i if in into is it its me my no not of on or ' +
    'our she so that the their them then there they this to was we were what when where which who whose why will with would you your s t re ve ll'
  ).split(' '),
);

let segmenter: Intl.Segmenter | null | undefined;

/** Words of a run without spaces. Browsers without Intl.Segmenter have the pairs alone. */
function wordsOf(run: string): string[] {
  segmenter ??= 'Segmenter' in Intl ? new Intl.Segmenter('ja', { granularity: 'word' }) : null;
  return segmenter ? Array.from(segmenter.segment(run), ({ segment }) => segment) : [];
}

/** Words that a dictionary cuts differently in a question and in a text still share their pairs of letters. */
function unspacedTerms(run: string): string[] {
  const letters = [...run];
  const pairs = letters
    .slice(1)
    .map((letter, i) => letters[i]! + letter)
    .filter((pair) => IS_KANJI_PAIR.test(pair));
  const words = wordsOf(run).filter((word) => !SHORT_HIRAGANA.test(word));
  return letters.length === 1 ? [run] : [...words.filter((word) => !pairs.includes(word)), ...pairs];
}

/** `Café` and `cafe` are one term, `cities` and `city` too. `v2` stays whole; `E-1042` is `e` and `1042`. */
function wordTerm(word: string): string[] {
  if (STOP_WORDS.has(word)) return [];
  const plain = word.normalize('NFKD').replace(/\p{M}/gu, '');
  return [/^[a-z]{3,}$/.test(plain) ? stemmer(plain) : plain];
}

/** Terms of a text in their order, with repetitions. */
export function termsOf(text: string): string[] {
  const lower = text.normalize('NFKC').toLowerCase().replace(BROKEN_LINE, '');
  return (lower.match(RUN) ?? []).flatMap((run) => (IS_UNSPACED.test(run) ? unspacedTerms(run) : wordTerm(run)));
}
