/** Replies held to random schemas, and an independent validator. */
import { Ajv2020 } from 'ajv/dist/2020.js';
import type { Engine } from '../../scripts/cli/evaluate/engine.ts';
import type { EvaluateOptions } from '../../workers/shared/evaluate-protocol.ts';
import type { GenerateRequest } from '../../workers/shared/protocol.ts';
import { SAMPLING } from './sampling.ts';

const TOKENS = 70;

/** Where random schemas are tried, and the weight format there. */
export const BACKENDS = {
  wasm: { backend: 'wasm', form: 'int8' },
  webgpu: { backend: 'webgpu', form: 'int8-blocks' },
  webnn: { backend: 'webnn', form: 'float32' },
} as const satisfies Record<string, EvaluateOptions>;

/** `PHI_BACKEND`: the one backend of a run; undefined when it is not set. */
export function chosenBackend(): keyof typeof BACKENDS | undefined {
  const chosen = process.env['PHI_BACKEND'];
  if (chosen === undefined || chosen in BACKENDS) return chosen as keyof typeof BACKENDS | undefined;
  throw new Error(`PHI_BACKEND is "${chosen}". It must be one of: ${Object.keys(BACKENDS).join(', ')}.`);
}

/** Why a text is not valid JSON for the schema; null: it is valid. */
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
