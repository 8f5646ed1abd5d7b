/** Every line of docs/models.md is a model that is opened here, or refused with the words that stand there; and nothing is left out. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { GGML_TYPES } from '../weights/ggml.ts';
import { describeCheckpoint, identify } from './identify.ts';
import { openCheckpoint } from './open.ts';
import { REFUSED_PRODUCTS } from './testing/onnx-rewrites.ts';
import { ggufOf, GRAPHS, LAYOUTS, QUANTISATIONS } from './testing/read.ts';
import { filesOf, REFUSED } from './testing/refused.ts';
import type { Checkpoint } from './types.ts';

const DOCUMENT = readFileSync(join(import.meta.dirname, '../../../docs/models.md'), 'utf8');

/** Rows of the table under a heading, without its head. */
function table(heading: string): string[][] {
  const section = DOCUMENT.split(/^## /m).find((part) => part.startsWith(`${heading}\n`));
  const lines = section?.split('\n').filter((line) => line.startsWith('|')) ?? [];
  return lines.slice(2).map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}

async function expectSound(checkpoint: Checkpoint): Promise<void> {
  const { embedding, head, layers } = checkpoint;
  for (const matrix of [
    embedding,
    head,
    ...layers.flatMap((layer) => [layer.qkv, layer.output, layer.gateUp, layer.down]),
  ])
    expect((await matrix.read(matrix.rows - 1, 1)).cols).toBe(matrix.cols);
}

const options = { timeout: 120_000 };

describe('docs/models.md', options, () => {
  it('lists the layouts, quantisations, types and graphs that the tests open', () => {
    expect(table('Where models lie').map(([layout]) => layout)).toEqual(Object.keys(LAYOUTS));
    expect(table('Quantisations').map(([format, quantisation]) => `${format}: ${quantisation}`)).toEqual(
      Object.entries(QUANTISATIONS).flatMap(([format, kinds]) =>
        Object.keys(kinds).map((kind) => `${format}: ${kind}`),
      ),
    );
    expect(
      table('Types of GGUF files')
        .map(([type]) => type)
        .sort(),
    ).toEqual([...GGML_TYPES.values()].map(({ name }) => name).sort());
    expect(table('Graphs').map(([graph]) => graph)).toEqual(Object.keys(GRAPHS));
  });

  it('lists what the tests refuse, with the words of the app', () => {
    const refused = [...REFUSED, ...REFUSED_PRODUCTS];
    expect(table('What is refused').map(([kind]) => kind)).toEqual([...new Set(refused.map(({ kind }) => kind))]);
  });

  it.each(table('What is refused'))('has the words of the app for: %s', async (kind, says = '') => {
    const words = says.replaceAll('"', '');
    expect(words.length).toBeGreaterThan(8);
    const messages = await Promise.all(
      REFUSED.filter((refused) => refused.kind === kind).map(async ({ files }) => {
        const error: unknown = await openCheckpoint(filesOf(files)).then(
          () => null,
          (cause: unknown) => cause,
        );
        return error instanceof Error ? error.message : '';
      }),
    );
    const products = REFUSED_PRODUCTS.filter((refused) => refused.kind === kind).map(({ message }) =>
      message.source.replaceAll('\\', ''),
    );
    expect(
      [...messages, ...products].some((message) => message.includes(words)),
      `${says}\n${messages.join('\n')}`,
    ).toBe(true);
  });

  it.each(Object.entries(LAYOUTS))('%s is found as one model', async (_, make) => {
    expect(await identify(await make())).toMatchObject([{ error: null }]);
  });

  const quantisations = Object.entries(QUANTISATIONS).flatMap(([format, kinds]) =>
    Object.entries(kinds).map(([kind, make]) => [format, kind, make] as const),
  );
  it.each(quantisations)('%s: %s is read', async (_, __, make) => expectSound(await openCheckpoint(await make())));

  it.each(Object.entries(GRAPHS))('%s is read', async (_, make) => expectSound(await openCheckpoint(await make())));

  it.each([...GGML_TYPES].map(([type, { name }]) => [name, type] as const))(
    'GGUF with %s is read',
    async (name, type) => {
      const checkpoint = await openCheckpoint(ggufOf(type));
      expect(describeCheckpoint(checkpoint)).toContain(name);
      await expectSound(checkpoint);
      const [, held = ''] = table('Types of GGUF files').find(([cell]) => cell === name) ?? [];
      const { form } = checkpoint.layers[0]!.down;
      expect(held).toBe(
        form.kind === 'float'
          ? 'floats'
          : `blocks of ${form.bits} bits, ${form.block} weights a scale${form.symmetric ? '' : ', with a minimum'}`,
      );
    },
  );
});
