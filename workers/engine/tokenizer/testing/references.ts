/**
 * Tokenizers with reference ids: our own of both kinds (`e2e/fixtures/tokenizers`, made by scripts/make/tokenizers), the starter's, and, beside
 * a clone that has `../shared/fixtures`, those of Phi-3 and Phi-4-mini. Node only, for tests.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { findReference, referenceBytes, referenceJson } from '../../../testing/references.ts';
import { blobSource } from '../../../store/bytes.ts';
import { parseGguf } from '../../checkpoint/gguf/parse.ts';
import { ggufTokenizer } from '../../checkpoint/gguf/gguf.ts';
import { memorySource } from '../../checkpoint/testing/fixtures.ts';
import type { TokenizerSource } from '../../checkpoint/types.ts';
import { tokenizerJsonFromGguf } from '../gguf-vocabulary.ts';
import { vocabularyGguf, type WrittenTokenizer } from './vocab-gguf.ts';

const STARTER = join(import.meta.dirname, '../../../../public/models/smollm2-135m-instruct-q4_1');

export type TokenizerName = 'sentencepiece' | 'byte-level' | 'phi-3' | 'phi-4-mini';
export type TokenizerForm = 'tokenizer.json' | 'vocab.gguf';

/** Tokenizers that are there: a pair of our own, and a pair of Phi's. */
export const TOKENIZERS = (['sentencepiece', 'byte-level', 'phi-3', 'phi-4-mini'] as const).filter(
  (name) => findReference(`tokenizers/${name}`) !== null,
);

export interface ReferenceCase {
  text: string;
  ids: number[];
}

export interface Reference {
  source: TokenizerSource;
  chatTemplate: string;
  cases: ReferenceCase[];
}

/** The vocabulary as a GGUF without weights: the file where there is one, else written from tokenizer.json. */
export function vocabularyFile(name: TokenizerName): Uint8Array {
  const folder = `tokenizers/${name}`;
  if (findReference(`${folder}/vocab.gguf`) !== null) return referenceBytes(`${folder}/vocab.gguf`);
  return vocabularyGguf({
    json: referenceJson(`${folder}/tokenizer.json`),
    config: referenceJson(`${folder}/tokenizer_config.json`),
  } as WrittenTokenizer);
}

/** A tokenizer of `TOKENIZERS` in either form, with its reference ids. */
export async function tokenizerReference(name: TokenizerName, form: TokenizerForm): Promise<Reference> {
  const folder = `tokenizers/${name}`;
  const { cases } = referenceJson(`${folder}/expected.json`) as { cases: ReferenceCase[] };
  if (form === 'tokenizer.json') {
    const config = referenceJson(`${folder}/tokenizer_config.json`) as { chat_template: string };
    return {
      source: { kind: form, json: referenceJson(`${folder}/${form}`), config },
      chatTemplate: config.chat_template,
      cases,
    };
  }
  const { metadata } = await parseGguf(memorySource(form, vocabularyFile(name)));
  return { source: ggufTokenizer(metadata), chatTemplate: String(metadata.get('tokenizer.chat_template')), cases };
}

/** The starter: the GGUF that is shipped, or the tokenizer.json made from it. */
export async function starterReference(form: 'tokenizer.json' | 'gguf'): Promise<Reference> {
  const { cases } = referenceJson('starter/expected.json') as {
    cases: { prompt: string; input_ids: number[] }[];
  };
  const { metadata } = await starterMetadata();
  return {
    source:
      form === 'gguf'
        ? ggufTokenizer(metadata)
        : { kind: form, json: referenceJson('starter/tokenizer.json'), config: null },
    chatTemplate: String(metadata.get('tokenizer.chat_template')),
    cases: cases.map(({ prompt, input_ids }) => ({ text: prompt, ids: input_ids })),
  };
}

async function starterMetadata() {
  const parts = readdirSync(STARTER).filter((name) => /\.gguf\.\d+$/.test(name));
  const whole = new Blob(parts.sort().map((name) => readFileSync(join(STARTER, name))));
  return parseGguf(blobSource('starter.gguf', whole));
}

/** A tokenizer.json of the fixtures, by the name that the recorded references use. The starter's comes from the GGUF that is shipped. */
export async function baseTokenizer(name: string): Promise<unknown> {
  if (name === 'phi-3' || name === 'phi-4-mini') return referenceJson(`tokenizers/${name}/tokenizer.json`);
  if (name !== 'starter') throw new Error(`no tokenizer is known by the name "${name}"`);
  const { metadata } = await starterMetadata();
  return tokenizerJsonFromGguf(metadata).json;
}
