/** The library in Firefox ESR, which has neither WebNN nor WebGPU: the specification's tests, and the packed package with a model on WASM. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser } from 'puppeteer-core';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { serve } from '../../scripts/build/server.ts';
import { startWitness, type Witness } from '../../scripts/cli/browser/witness.ts';
import { makeTinyStarter, PATIENCE_MS, type TinyStarter } from '../support/app.ts';
import { findFirefox, launchFirefox, NO_FIREFOX } from '../support/firefox.ts';
import { buildLanguageModelPage } from '../support/language-model-page.ts';
import { expectAnswered, packedLibrary, writePlainPage } from '../support/packed-library.ts';
import type { Outcome } from '../support/spec-page/vitest.ts';

const firefox = await findFirefox();

let folder: string;
let tiny: TinyStarter;
let witness: Witness;
let browser: Browser;

/** Opens a served folder, and gives the global `name` once the page has set it. */
async function outcomeOf<T>(root: string, name: string, mounts: Record<string, string> = {}): Promise<T> {
  const server = await serve({ root, securityHeaders: false, mounts });
  const page = await browser.newPage();
  const errors: string[] = [];
  page.on('pageerror', (error) => errors.push(String(error)));
  try {
    await page.goto(server.url);
    const set = (wanted: string) => (globalThis as Record<string, unknown>)[wanted] !== undefined;
    await page.waitForFunction(set, { timeout: PATIENCE_MS }, name).catch((cause: unknown) => {
      throw new Error(`The page did not end: ${errors.join('; ')}`, { cause });
    });
    const text = await page.evaluate((wanted) => JSON.stringify((globalThis as Record<string, unknown>)[wanted]), name);
    expect(errors).toEqual([]);
    return JSON.parse(text) as T;
  } finally {
    await page.close();
    await server.close();
  }
}

describe('the library in Firefox', () => {
  beforeEach(({ skip }) => skip(firefox === null, NO_FIREFOX));

  beforeAll(async () => {
    if (firefox === null) return;
    folder = await mkdtemp(join(tmpdir(), 'phi-firefox-'));
    tiny = await makeTinyStarter();
    witness = await startWitness();
    browser = await launchFirefox(firefox, witness);
    console.info(await browser.version());
  });
  afterAll(async () => {
    if (firefox === null) return;
    await browser.close();
    await witness.close();
    await tiny.remove();
    await rm(folder, { recursive: true, force: true });
  });

  it('keeps to the specification of LanguageModel', async () => {
    const root = join(folder, 'specification');
    await buildLanguageModelPage(root);
    const outcomes = await outcomeOf<Outcome[]>(root, 'outcomes');
    console.info(`${outcomes.length} tests of LanguageModel ran`);
    expect(outcomes.length).toBeGreaterThan(50);
    expect(outcomes.filter(({ error }) => error !== null)).toEqual([]);
  });

  it('answers in a plain HTML page, on WASM', async () => {
    const library = await packedLibrary(folder);
    const root = join(folder, 'plain');
    await writePlainPage(root);
    const [model] = Object.values(tiny.mounts);
    expectAnswered(await outcomeOf(root, 'outcome', { '/phi-in-a-tab': library, '/model': model! }));
  });
});
