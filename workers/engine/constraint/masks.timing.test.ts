/** Time of vocabularies, schemas and masks, on one thread in Node: `npm run test:timing`, on an idle machine. */
import { describe, expect, it } from 'vitest';
import { cpuMs } from '../../testing/timing.ts';
import { tokenizerReference } from '../tokenizer/testing/references.ts';
import { createTokenizer } from '../tokenizer/tokenizer.ts';
import { automatonOf, matcherOf, writeByChance } from './testing/forms.ts';
import { buildVocabulary } from './vocabulary.ts';

const VALUES = [
  { type: 'string', maxLength: 40 },
  { type: 'integer', minimum: 0, maximum: 1000 },
  { enum: ['red', 'green', 'blue'] },
  { type: 'array', items: { type: 'number' }, maxItems: 4 },
  { type: 'boolean' },
];
const KEYS = Array.from({ length: 50 }, (_, i) => `key_${i}`);
const SCHEMA = {
  type: 'object',
  properties: Object.fromEntries(KEYS.map((key, i) => [key, VALUES[i % VALUES.length]])),
  required: KEYS,
};

describe('constraints', { timeout: 180_000 }, () => {
  it('50 keys compile in 100 ms; a mask of 200,000 tokens takes 2 ms', async () => {
    const { source } = await tokenizerReference('byte-level', 'tokenizer.json');
    const tokenizer = createTokenizer(source);
    const before = cpuMs();
    const vocabulary = buildVocabulary(tokenizer, tokenizer.vocabSize, tokenizer.ends);
    const built = cpuMs() - before;

    const compiles = Array.from({ length: 5 }, () => {
      const start = cpuMs();
      automatonOf({ kind: 'json', schema: SCHEMA });
      return cpuMs() - start;
    });
    const automaton = automatonOf({ kind: 'json', schema: SCHEMA });
    const spent = { masks: 0, maskMs: 0 };
    for (let seed = 0; seed < 3; seed++) {
      const matcher = matcherOf(automaton, vocabulary);
      writeByChance(matcher, vocabulary, seed, 2_000);
      spent.masks += matcher.spent.masks;
      spent.maskMs += matcher.spent.maskMs;
    }
    const mean = spent.maskMs / spent.masks;
    process.stdout.write(
      `${tokenizer.vocabSize} tokens: vocabulary ${built.toFixed(0)} ms, ${(vocabulary.bytes / 2 ** 20).toFixed(1)} MB; 50 keys ${compiles.map((ms) => ms.toFixed(0)).join(', ')} ms; ${spent.masks} masks of ${mean.toFixed(2)} ms, ${automaton.states} states\n`,
    );
    expect(compiles[0]).toBeLessThan(100);
    expect(mean).toBeLessThan(2);
  });
});
