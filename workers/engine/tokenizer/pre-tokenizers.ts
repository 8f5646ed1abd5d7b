/** How text is cut before BPE: GGUF names these rules, tokenizer.json spells them out. */
import { PhiError } from '../../shared/errors.ts';
import { checkPattern } from './patterns.ts';

export type PreTokenizer = { type: string } & Record<string, unknown>;

const split = (regex: string): PreTokenizer => ({
  type: 'Split',
  pattern: { Regex: foldLongS(regex) },
  behavior: 'Isolated',
  invert: false,
});

/** Oniguruma's `(?i:s)` also matches the long s; the library folds ASCII letters only. */
function foldLongS(regex: string): string {
  return regex.replace(/\(\?i:'s(?=[|)])/g, "(?i:'[sſ]").replaceAll('(?i:[sdmt]', '(?i:[sſdmt]');
}

const BYTES: PreTokenizer = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: false };

/** A sequence inside a sequence occurs; more does not. */
const MAX_DEPTH = 8;

const GPT2 = "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";
const SUFFIX = "(?i:'s|'t|'re|'ve|'m|'ll|'d)";
/** cl100k and its kin: they differ in how many digits stay together. */
const gpt4 = (digits: string) =>
  `${SUFFIX}|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|${digits}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+`;
const UPPER = '[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]';
const LOWER = '[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]';
const BEFORE_WORD = '[^\\r\\n\\p{L}\\p{N}]?';
const O200K = [
  `${BEFORE_WORD}${UPPER}*${LOWER}+${SUFFIX}?`,
  `${BEFORE_WORD}${UPPER}+${LOWER}*${SUFFIX}?`,
  '\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+',
].join('|');

const LEADING_SPACE: PreTokenizer = { type: 'Replace', pattern: { Regex: '\\A[^ ]' }, content: ' $&' };

interface Rule {
  splits: string[];
  /** A stretch that is a token as a whole is taken so, whatever the merges say. */
  ignoreMerges?: boolean;
}

const LLAMA3: Rule = { splits: [gpt4('\\p{N}{1,3}')], ignoreMerges: true };
const DBRX: Rule = { splits: [gpt4('\\p{N}{1,3}')] };
const QWEN2: Rule = { splits: [gpt4('\\p{N}')] };
const DIGITS_APART: Rule = { splits: ['\\p{N}', GPT2] };

/** `tokenizer.ggml.pre`, as llama.cpp's vocabulary reader understands it. Each rule cuts what the one before left whole. */
const RULES: Readonly<Record<string, Rule>> = {
  default: { splits: ['[\\p{P}\\$\\+<=>\\^~\\|]+', GPT2, '\\p{N}+', '[0-9][0-9][0-9]'] },
  'gpt-2': { splits: [GPT2] },
  'phi-2': { splits: [GPT2] },
  smollm: DIGITS_APART,
  starcoder: DIGITS_APART,
  refact: DIGITS_APART,
  codeshell: DIGITS_APART,
  'command-r': DIGITS_APART,
  'llama-bpe': LLAMA3,
  'llama-v3': LLAMA3,
  llama3: LLAMA3,
  dbrx: DBRX,
  'smaug-bpe': DBRX,
  qwen2: QWEN2,
  'deepseek-r1-qwen': QWEN2,
  stablelm2: QWEN2,
  'gpt-4o': { splits: [O200K] },
  llama4: { splits: [O200K] },
};

/** The pre-tokenizer that a GGUF names. Throws `unsupported-model` for a name that is not known: text would be cut wrongly, and quietly. */
export function namedPreTokenizer(name: string): { preTokenizer: PreTokenizer; ignoreMerges: boolean } {
  const rule = Object.hasOwn(RULES, name) ? RULES[name] : undefined;
  if (!rule) {
    throw new PhiError(
      'unsupported-model',
      `The tokenizer uses the pre-tokenizer "${name}", which this app does not know. It knows ${Object.keys(RULES).join(', ')}.`,
    );
  }
  return {
    preTokenizer: { type: 'Sequence', pretokenizers: [...rule.splits.map(split), BYTES] },
    ignoreMerges: rule.ignoreMerges ?? false,
  };
}

/**
 * A pre-tokenizer of tokenizer.json as a list of steps that the library does right. It knows Digits by ASCII only and GPT-2's pattern by
 * JavaScript's `\s`; as Split both get the meaning of the Rust crate. A step that the library would do wrongly, or not
 * at all, is refused by name.
 */
export function repairPreTokenizer(node: unknown, depth = 0): PreTokenizer[] {
  if (node === null || node === undefined) return [];
  if (depth > MAX_DEPTH) throw unsupported(`nested more than ${MAX_DEPTH} deep`);
  const step = node as PreTokenizer;
  switch (step.type) {
    case 'Sequence':
      return (Array.isArray(step['pretokenizers']) ? (step['pretokenizers'] as unknown[]) : []).flatMap((each) =>
        repairPreTokenizer(each, depth + 1),
      );
    case 'Digits':
      return [split(step['individual_digits'] ? '\\p{N}' : '\\p{N}+')];
    case 'ByteLevel':
      return [
        ...(step['add_prefix_space'] === true ? [LEADING_SPACE] : []),
        ...(step['use_regex'] === false ? [] : [split(GPT2)]),
        BYTES,
      ];
    case 'Split': {
      const behaviour = String(step['behavior']).toLowerCase();
      if (behaviour !== 'isolated' && behaviour !== 'removed')
        throw unsupported(`Split with the behaviour "${behaviour}"`);
      const pattern = step['pattern'] as { String?: unknown; Regex?: unknown } | undefined;
      const regex =
        typeof pattern?.String === 'string' ? pattern.String.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&') : pattern?.Regex;
      if (typeof regex !== 'string') throw unsupported('Split without a usable pattern');
      checkPattern(regex);
      // Isolated keeps matches and what lies between them apart; inverted or not is then the same.
      return [
        { ...step, pattern: { Regex: foldLongS(regex) }, invert: behaviour === 'removed' && step['invert'] === true },
      ];
    }
    default:
      throw unsupported(`"${String(step.type)}"`);
  }
}

function unsupported(what: string): PhiError {
  return new PhiError(
    'unsupported-model',
    `tokenizer.json: the pre-tokenizer ${what} is not supported. Phi's tokenizers use Split, Digits, ByteLevel and Metaspace.`,
  );
}
