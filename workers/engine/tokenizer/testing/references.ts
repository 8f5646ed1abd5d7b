/** The real tokenizers of `../shared/fixtures` and of the starter in `public/models`. Node only, for tests. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { diskSource, FIXTURES } from '../../checkpoint/testing/fixtures.ts';
import { parseGguf } from '../../checkpoint/gguf/parse.ts';
import { ggufTokenizer } from '../../checkpoint/gguf/gguf.ts';
import type { TokenizerSource } from '../../checkpoint/types.ts';
import { tokenizerJsonFromGguf } from '../gguf-vocabulary.ts';
import { blobSource } from '../../../store/bytes.ts';

const STARTER = join(import.meta.dirname, '../../../../public/models/smollm2-135m-instruct-q4_1');

export interface ReferenceCase {
  text: string;
  ids: number[];
}

export interface Reference {
  source: TokenizerSource;
  chatTemplate: string;
  cases: ReferenceCase[];
}

function json(path: string): unknown {
  return JSON.parse(readFileSync(path, 'utf8')) as unknown;
}

/** `tokenizers/phi-3` or `tokenizers/phi-4-mini`, in either form. */
export async function phiReference(
  name: 'phi-3' | 'phi-4-mini',
  form: 'tokenizer.json' | 'vocab.gguf',
): Promise<Reference> {
  const folder = join(FIXTURES, 'tokenizers', name);
  const { cases } = json(join(folder, 'expected.json')) as { cases: ReferenceCase[] };
  const config = json(join(folder, 'tokenizer_config.json')) as { chat_template: string };
  if (form === 'tokenizer.json') {
    return {
      source: { kind: form, json: json(join(folder, form)), config },
      chatTemplate: config.chat_template,
      cases,
    };
  }
  const { metadata } = await parseGguf(diskSource(join(folder, form), form));
  return { source: ggufTokenizer(metadata), chatTemplate: String(metadata.get('tokenizer.chat_template')), cases };
}

/** The starter: the GGUF that is shipped, or the tokenizer.json made from it. */
export async function starterReference(form: 'tokenizer.json' | 'gguf'): Promise<Reference> {
  const { cases } = json(join(FIXTURES, 'starter/expected.json')) as {
    cases: { prompt: string; input_ids: number[] }[];
  };
  const { metadata } = await starterMetadata();
  return {
    source:
      form === 'gguf'
        ? ggufTokenizer(metadata)
        : { kind: form, json: json(join(FIXTURES, 'starter/tokenizer.json')), config: null },
    chatTemplate: String(metadata.get('tokenizer.chat_template')),
    cases: cases.map(({ prompt, input_ids }) => ({ text: prompt, ids: input_ids })),
  };
}

async function starterMetadata() {
  const parts = readdirSync(STARTER).filter((name) => /\.gguf\.\d+$/.test(name));
  const whole = new Blob(parts.sort().map((name) => readFileSync(join(STARTER, name))));
  return parseGguf(blobSource('starter.gguf', whole));
}

/** For `describe.skipIf`: says why nothing ran. */
export function missingTokenizers(): boolean {
  const missing = !existsSync(join(FIXTURES, 'tokenizers'));
  // eslint-disable-next-line no-console -- a skipped test must say why
  if (missing) console.warn('skipped: the reference tokenizers are absent (../shared/fixtures beside the repository)');
  return missing;
}

/** A tokenizer.json of the fixtures, by the name that the recorded references use. The starter's comes from the GGUF that is shipped. */
export async function baseTokenizer(name: string): Promise<unknown> {
  if (name === 'phi-3' || name === 'phi-4-mini') return json(join(FIXTURES, 'tokenizers', name, 'tokenizer.json'));
  if (name !== 'starter') throw new Error(`no tokenizer is known by the name "${name}"`);
  const { metadata } = await starterMetadata();
  return tokenizerJsonFromGguf(metadata).json;
}
