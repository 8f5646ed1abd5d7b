import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { itIf } from '../../testing/it-if.ts';
import { findReference } from '../../testing/references.ts';
import { baseTokenizer } from './testing/references.ts';
import { sharedCases } from './testing/shared-cases.ts';
import { tinyByteLevel } from './testing/tiny.ts';
import { createTokenizer } from './tokenizer.ts';
import { cpuMs, expectWithin } from '../../testing/timing.ts';

type Json = Record<string, unknown> & { added_tokens: unknown[] };

interface Vectors {
  /** Tiny tokenizers, written out; the others are those of the fixtures. */
  bases: Record<string, Json>;
  variants: { base: string; added: unknown[]; changes: object; cases: { text: string; ids: number[] }[] }[];
}

/** Recorded from the `tokenizers` crate; `npm run test:reference` makes many more. */
const FILE = process.env['PHI_TOKENIZER_VECTORS'] ?? join(import.meta.dirname, 'testing/added-token-vectors.json');

describe('added tokens are found as the tokenizers crate finds them', { timeout: 600_000 }, () => {
  const { bases, variants } = JSON.parse(readFileSync(FILE, 'utf8')) as Vectors;
  // Those of Phi-3 and Phi-4-mini lie beside the repository.
  const names = [...new Set(variants.map(({ base }) => base))].filter(
    (name) => !name.startsWith('phi-') || findReference(`tokenizers/${name}`) !== null,
  );

  it.each(names)('%s', async (name) => {
    const base = bases[name] ?? ((await baseTokenizer(name)) as Json);
    const wrong = variants
      .filter((variant) => variant.base === name)
      .flatMap(({ added, changes, cases }) => {
        const json = { ...base, ...changes, added_tokens: [...base.added_tokens, ...added] };
        const tokenizer = createTokenizer({ kind: 'tokenizer.json', json, config: null });
        return cases.flatMap(({ text, ids }) => {
          const ours = tokenizer.encode(text, { special: true });
          return ours.join() === ids.join() ? [] : [{ text, reference: ids, ours, added, changes }];
        });
      });
    expect(wrong.slice(0, 3)).toEqual([]);
  });

  it('in a few hundred texts at least', () => {
    expect(variants.reduce((sum, { cases }) => sum + cases.length, 0)).toBeGreaterThan(300);
  });
});

interface SharedCase {
  added_token: { content: string; special: boolean; normalized: boolean };
  cases: { text: string; reference: string[] }[];
}

const shared = sharedCases<SharedCase>('tokenizers/normalized-added-token.json');
itIf(shared !== null && findReference('tokenizers/phi-3') !== null)(
  'a normalised token is looked for in normalised text',
  { timeout: 60_000 },
  async () => {
    const base = (await baseTokenizer('phi-3')) as Json;
    const added = { id: 32_100, lstrip: false, rstrip: false, single_word: false, ...shared!.added_token };
    const json = { ...base, added_tokens: [...base.added_tokens, added] };
    const tokenizer = createTokenizer({ kind: 'tokenizer.json', json, config: null });
    for (const { text, reference } of shared!.cases) {
      const pieces = tokenizer
        .encode(text, { special: true })
        .map((id) => (id === added.id ? `▁${added.content}` : tokenizer.idToken(id)));
      expect(pieces).toEqual(reference);
    }
  },
);

describe('what no tokenizer needs', () => {
  const json = (added: unknown[]) => ({ ...(tinyByteLevel() as { json: Json }).json, added_tokens: added });
  const build = (added: unknown[]) => () =>
    createTokenizer({ kind: 'tokenizer.json', json: json(added), config: null });

  it('a huge added token is refused by name', () => {
    expect(build([{ id: 300, content: 'a'.repeat(5_000_000) }])).toThrow(/added token 300 has 5000000 characters/);
    expect(build(Array.from({ length: 300_000 }, (_, i) => ({ id: i, content: `t${i}` })))).toThrow(
      /adds 300000 tokens/,
    );
  });

  it('many tokens that begin alike cost little', () => {
    const tokens = Array.from({ length: 5_000 }, (_, i) => ({ id: 300 + i, content: `${'a'.repeat(500)}${i}` }));
    const started = cpuMs();
    const tokenizer = build(tokens)();
    expect(tokenizer.encode('a'.repeat(20_000), { special: true }).length).toBeGreaterThan(0);
    expectWithin(cpuMs() - started, 20_000);
  });
});
