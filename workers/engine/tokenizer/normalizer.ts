/**
 * Applies the normalisers of a tokenizer.json to text before it is cut. Done here and not by the library, because added tokens with `normalized` are found in
 * the result, and because a stranger's steps must not make gigabytes of a message.
 */
import { ReplaceNormalizer } from '@huggingface/tokenizers';
import { damagedTokenizer, unsupportedTokenizer } from './refusal.ts';
import { checkPattern } from './patterns.ts';

export type Normalizer = (text: string) => string;

/** A step of a tokenizer.json. */
type Step = Readonly<Record<string, unknown>>;

const FORMS = ['NFC', 'NFD', 'NFKC', 'NFKD'];
/** NFKD makes 18 characters of U+FDFA, more than of any other. */
const MAX_GROWTH = 20;
const ALLOWANCE = 1000;
const MAX_DEPTH = 8;
const MAX_STEPS = 32;

/**
 * Throws `unsupported-model` for a step that is not known, `bad-model` for nested or growing beyond reason; the result throws `bad-model`
 * where a text grows more than twentyfold.
 */
export function readNormalizer(node: unknown): Normalizer | null {
  const steps = flatten(node, 0);
  if (steps.length === 0) return null;
  if (steps.length > MAX_STEPS) throw damagedTokenizer(`it normalises text in ${steps.length} steps`);
  const growth = steps.reduce((product, step) => product * step.growth, 1);
  if (growth > MAX_GROWTH) throw damagedTokenizer(`its normaliser makes text up to ${growth} times as long`);
  return (text) => {
    const limit = MAX_GROWTH * text.length + ALLOWANCE;
    let done = text;
    for (const { apply } of steps) {
      done = apply(done, limit);
      if (done.length > limit) throw tooLong();
    }
    return done;
  };
}

interface BoundedStep {
  /** Throws when the result would have more than `limit` characters. */
  apply: (text: string, limit: number) => string;
  /** The most characters that the step makes from one, if the step says so. */
  growth: number;
}

function flatten(node: unknown, depth: number): BoundedStep[] {
  if (node === null || node === undefined) return [];
  if (depth > MAX_DEPTH) throw damagedTokenizer(`its normalisers are nested more than ${MAX_DEPTH} deep`);
  const step = node as Step;
  const type = typeof node === 'object' ? String(step['type']) : 'unnamed';
  if (FORMS.includes(type)) return [{ apply: (text) => text.normalize(type), growth: 1 }];
  if (type === 'Prepend') {
    const prefix = textOf(step['prepend'], '"prepend"');
    return [{ apply: (text) => (text === '' ? '' : prefix + text), growth: 1 }];
  }
  if (type === 'Replace') return [replace(step)];
  if (type !== 'Sequence') throw unsupportedTokenizer(`the normaliser "${type.slice(0, 100)}"`);
  const steps = step['normalizers'];
  if (!Array.isArray(steps)) throw damagedTokenizer('a sequence of normalisers has no list of them');
  return (steps as unknown[]).flatMap((each) => flatten(each, depth + 1));
}

function replace(step: Step): BoundedStep {
  const content = textOf(step['content'], '"content"');
  const pattern = step['pattern'] as { String?: unknown; Regex?: unknown } | undefined;
  if (typeof pattern?.String === 'string') {
    const from = pattern.String;
    if (from === '') return { apply: (text) => text, growth: 1 };
    const apply = (text: string, limit: number) => {
      const parts = text.split(from);
      if (text.length + (parts.length - 1) * (content.length - from.length) > limit) throw tooLong();
      return parts.join(content);
    };
    return { apply, growth: Math.max(1, content.length / from.length) };
  }
  if (typeof pattern?.Regex !== 'string') throw unsupportedTokenizer('a normaliser "Replace" without a pattern');
  checkPattern(pattern.Regex);
  const regex = compiled(pattern.Regex);
  const apply = (text: string, limit: number) => {
    let done = '';
    let from = 0;
    for (const match of text.matchAll(regex)) {
      done += text.slice(from, match.index) + content;
      from = match.index + match[0].length;
      if (done.length > limit) throw tooLong();
    }
    return done + text.slice(from);
  };
  return { apply, growth: Math.max(1, content.length) };
}

/** The library translates a pattern of the Rust crate (Oniguruma) into one of JavaScript. */
function compiled(pattern: string): RegExp {
  try {
    const { pattern: regex } = new ReplaceNormalizer({ type: 'Replace', pattern: { Regex: pattern }, content: '' });
    if (regex) return regex;
  } catch (cause) {
    throw unsupportedTokenizer(`a pattern that cannot be read (${cause instanceof Error ? cause.message : 'unknown'})`);
  }
  throw unsupportedTokenizer('a pattern that cannot be read');
}

function textOf(value: unknown, what: string): string {
  if (typeof value === 'string' && value.length <= ALLOWANCE) return value;
  throw damagedTokenizer(`a normaliser has no usable ${what}`);
}

const tooLong = () => damagedTokenizer(`its normaliser makes a text more than ${MAX_GROWTH} times as long`);
