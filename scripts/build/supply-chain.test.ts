import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ROOT } from './app.ts';
import { billOfMaterials, shippedLicences } from './supply-chain.ts';

describe('what is shipped of others’ work', () => {
  it('has every licence, of packages and of the model', async () => {
    const licences = await shippedLicences(ROOT);
    const names = licences.map(({ name }) => name);
    expect(names).toEqual(
      expect.arrayContaining(['onnxruntime-web', 'svelte', '@huggingface/tokenizers', 'SmolLM2 135M Instruct (Q4_1)']),
    );
    expect(names).not.toContain('vitest');
    // A shipped licence must allow shipping: no copyleft that reaches the app, nothing unknown.
    for (const { name, licence } of licences)
      expect(licence, name).toMatch(
        /^\(?(MIT|ISC|Apache-2\.0|BSD-[23]-Clause|0BSD|Unlicense|OFL-1\.1|PSF-2\.0|Python-2\.0)\b|\(MPL-2\.0 OR Apache-2\.0\)/,
      );
  });

  it('is in the bill of materials, the model with its hash', async () => {
    const { components } = await billOfMaterials(ROOT);
    expect(components.find(({ name }) => name === 'onnxruntime-web')).toBeDefined();
    expect(components.find(({ name }) => name === 'vitest')).toBeUndefined();
    const model = components.find(({ type }) => type === 'machine-learning-model')!;
    expect(model).toMatchObject({
      hashes: [{ alg: 'SHA-256', content: expect.stringMatching(/^[0-9a-f]{64}$/) as string }],
    });
  });
});

/** The README says why: only its archive is unpacked, which Node 20 does as well. npm reads from the lock file what a package asks for. */
it('the browser for tests asks for no newer Node than the README', async () => {
  const lock = JSON.parse(await readFile(join(ROOT, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, { engines?: { node?: string } }>;
  };
  expect(lock.packages['node_modules/@sparticuz/chromium']).toBeDefined();
  expect(lock.packages['node_modules/@sparticuz/chromium']!.engines).toBeUndefined();
});
