/** Random schemas with models in the loop: the starter and the tiny Phis on one backend. Every answer is valid, and none gets stuck. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startEngineHost, type EngineHost } from '../../scripts/cli/evaluate/engine.ts';
import { selectModel } from '../../scripts/cli/evaluate/model-files.ts';
import { randomSchema } from '../../workers/engine/constraint/testing/random-schemas.ts';
import { gguf, needFixture } from '../support/fixtures.ts';
import { BACKENDS, chosenBackend, problemOf, replyTo, requestFor } from '../support/random-forms.ts';
import { record, sliceOf, sumUp, type Written } from '../support/schema-record.ts';
import { joinStarter, type StarterFile } from '../support/starter-file.ts';

/** In all; every tenth with the starter. `PHI_SEED` is the first; `PHI_SLICE=2/10` takes a part of them, and the sum over all parts is printed. */
const COUNT = Number(process.env['PHI_SCHEMAS'] ?? 100);
const BACKEND = chosenBackend() ?? 'wasm';
const FIRST = Number(process.env['PHI_SEED'] ?? 1);
const TINY = [
  ['phi3-mini-4k', 'q4_1'],
  ['phi3.5-mini', 'q4_k_m'],
  ['phi4', 'q4_0'],
  ['phi4-mini', 'q8_0'],
] as const;

let host: EngineHost;
let starter: StarterFile;

beforeAll(async () => {
  host = await startEngineHost({});
  starter = await joinStarter();
});

afterAll(async () => {
  console.log(await sumUp(COUNT, BACKEND));
  await host.close();
  await starter.remove();
});

const shares = [Math.ceil(COUNT / 10), ...TINY.map(() => Math.ceil((COUNT * 9) / 10 / TINY.length))];
const firsts = shares.map((_, i) => FIRST + shares.slice(0, i).reduce((sum, share) => sum + share, 0));

it.each([['the starter', null], ...TINY.map(([kind, type]) => [kind, gguf(kind, type).path] as const)] as const)(
  '%s: every answer is valid',
  async (name, path) => {
    const place = path === null ? 0 : 1 + TINY.findIndex(([kind]) => kind === name);
    const engine = await host.open(await selectModel(path === null ? starter.path : needFixture(path)), {
      ...BACKENDS[BACKEND],
      contextLength: 512,
    });
    const written: Written = { valid: 0, refused: 0, tokens: 0, forced: 0, masks: 0, maskMs: 0 };
    const { slice, from, to } = sliceOf(firsts[place]!, shares[place]!);
    for (let seed = from; seed < to; seed++) {
      const schema = randomSchema(seed);
      const result = await replyTo(engine, requestFor(seed, schema, 120));
      if (!result) {
        written.refused++;
        continue;
      }
      const { text, reason, stats } = result;
      expect({ seed, text, reason, problem: problemOf(schema, text) }).toMatchObject({ reason: 'end', problem: null });
      written.valid++;
      written.tokens += stats.generatedTokens;
      written.forced += stats.constraint!.forced;
      written.masks += stats.constraint!.masks;
      written.maskMs += stats.constraint!.maskMs;
    }
    console.log(name, BACKEND, slice, JSON.stringify(written));
    await record({ run: COUNT, model: name, backend: BACKEND, slice, ...written });
    expect(written.valid).toBeGreaterThan(0);
  },
  3_600_000,
);
