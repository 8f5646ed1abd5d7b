/** Replies held to random schemas, and an independent validator. */
import { Ajv2020 } from 'ajv/dist/2020.js';
import type { Engine } from '../../scripts/cli/evaluate/engine.ts';
import type { GenerateRequest } from '../../workers/shared/protocol.ts';
import { SAMPLING } from './sampling.ts';

const TOKENS = 70;

/** What is wrong with a text; null: it is valid JSON for the schema. */
export function problemOf(schema: object, text: string): string | null {
  const validate = new Ajv2020({ strict: false, validateFormats: false }).compile(schema);
  try {
    return validate(JSON.parse(text)) ? null : JSON.stringify(validate.errors);
  } catch (error) {
    return String(error);
  }
}

/** By turns the best token, chance, and chance with a penalty. */
export const requestFor = (seed: number, schema: object, maxTokens = TOKENS): GenerateRequest => ({
  messages: [{ role: 'user', content: 'Give an example.' }],
  sampling: { ...SAMPLING.nucleus, temperature: seed % 3, repetitionPenalty: seed % 3 === 2 ? 1.2 : 1, seed },
  maxTokens,
  constraint: { kind: 'json', schema },
});

/** null: the schema's shortest value is longer than the reply may be, which is refused before the first token. */
export async function replyTo(engine: Engine, request: GenerateRequest) {
  try {
    return await engine.call('reply', request);
  } catch (error) {
    if (String(error).includes('the shortest answer has')) return null;
    throw error;
  }
}
