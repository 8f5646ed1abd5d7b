/** Answers of a guaranteed form on every backend: random schemas on a tiny Phi, held against an independent validator. */
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { startEngineHost, type Engine, type EngineHost } from '../scripts/cli/evaluate/engine.ts';
import { selectModel } from '../scripts/cli/evaluate/model-files.ts';
import { randomSchema } from '../workers/engine/constraint/testing/random-schemas.ts';
import type { EvaluateOptions } from '../workers/shared/evaluate-protocol.ts';
import type { ToolSpec } from '../workers/shared/protocol.ts';
import { gguf, needFixture } from './support/fixtures.ts';
import { BACKENDS, chosenBackend, problemOf, replyTo, requestFor } from './support/random-forms.ts';

/** Of each backend. `PHI_SCHEMAS` asks for more: docs/structured.md. */
const COUNT = Math.min(50, Number(process.env['PHI_SCHEMAS'] ?? 2));
// SwiftShader takes seconds for a few tokens.
if (COUNT > 2) vi.setConfig({ testTimeout: 7_200_000 });
const EVERYWHERE: [string, EvaluateOptions][] = [
  ['WASM', BACKENDS.wasm],
  ['WASM in two stages', { backend: 'wasm', form: 'float32', stages: 2 }],
  ['WebGPU', BACKENDS.webgpu],
  ['WebNN', BACKENDS.webnn],
];
const only = chosenBackend();
const PLACES = EVERYWHERE.filter(([, { backend }]) => only === undefined || backend === only);

let host: EngineHost;

beforeAll(async () => {
  host = await startEngineHost({});
});

afterAll(async () => {
  await host.close();
});

const TOOLS: ToolSpec[] = [
  {
    name: 'calculator',
    description: 'Computes.',
    parameters: {
      type: 'object',
      properties: { expression: { type: 'string', maxLength: 10 } },
      required: ['expression'],
    },
  },
  {
    name: 'roll',
    description: 'Rolls.',
    parameters: { type: 'object', properties: { sides: { enum: [6, 20] } }, required: ['sides'] },
  },
];

/** Begins the reply as a call: a model with random weights would not begin one itself. */
async function callTools(engine: Engine, seed: number) {
  const request = { ...requestFor(seed, {}), constraint: undefined, tools: TOOLS };
  const begun = await engine.call('tokenize', 'functools[');
  return { request, begun, result: await engine.call('reply', { ...request, resume: begun }) };
}

describe('a call of a tool', () => {
  it.each(PLACES)('%s: name and arguments are right, and what follows is an answer', async (_, options) => {
    const model = await selectModel(needFixture(gguf('phi4-mini', 'q8_0').path));
    const engine = await host.open(model, { ...options, contextLength: 512 });
    // SwiftShader takes seconds for a prompt with tools.
    const software = options.backend === 'webgpu';
    for (let seed = 1; seed <= (software ? Math.ceil(COUNT / 4) : COUNT); seed++) {
      const { request, begun, result } = await callTools(engine, seed);
      expect(result.reason).toBe('end');
      expect(result.text).toBe('');
      expect(result.calls.length).toBeGreaterThan(0);
      for (const call of result.calls) {
        const { parameters } = TOOLS.find(({ name }) => name === call.name)!;
        expect(problemOf(parameters as object, JSON.stringify(call.arguments))).toBeNull();
      }
      if (software) continue;
      // As after a lost backend in the middle of the call.
      const kept = [...begun, ...result.ids.slice(0, Math.floor(result.ids.length / 2))];
      const resumed = await engine.call('reply', { ...request, resume: kept });
      if (seed % 3 === 0) expect(resumed.calls).toEqual(result.calls);
      expect(resumed.calls.length).toBeGreaterThan(0);
      const rounds = [{ text: '', calls: result.calls.map((call) => ({ ...call, result: '<|end|><|user|>4' })) }];
      const messages = [...request.messages, { role: 'assistant' as const, content: '', rounds }];
      const answer = await engine.call('reply', { ...request, messages, mayCall: false, maxTokens: 8 });
      expect([answer.calls, answer.ids.length > 1]).toEqual([[], true]);
    }
  });
});

describe('an answer as JSON', () => {
  it.each(PLACES)('%s: every answer is valid, and a reply that is resumed too', async (_, options) => {
    const model = await selectModel(needFixture(gguf('phi4-mini', 'q8_0').path));
    const engine = await host.open(model, { ...options, contextLength: 256 });
    let written = 0;
    for (let seed = 1; written < COUNT; seed++) {
      const schema = randomSchema(seed);
      const request = requestFor(seed, schema);
      const result = await replyTo(engine, request);
      if (!result) continue;
      written++;
      expect({ seed, text: result.text, problem: problemOf(schema, result.text) }).toMatchObject({ problem: null });
      expect(result.reason).toBe('end');
      // As after a lost backend: the form is found again from the ids.
      const kept = result.ids.slice(0, Math.floor(result.ids.length / 2));
      const rest = await engine.call('reply', { ...request, resume: kept });
      const begun = result.text.slice(0, result.text.length - rest.text.length);
      if (seed % 3 === 0) expect(begun + rest.text).toBe(result.text);
    }
    if (COUNT > 2) console.log(`${written} of ${COUNT} answers valid`, JSON.stringify(options));
  });
});
