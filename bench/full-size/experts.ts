/**
 * `npm run bench:experts`: a random Phi-tiny-MoE beside a random Phi-4-mini, both of full size, on WASM in stages in one browser. Takes minutes, 10 GB
 * of memory and 5 GB of disk; the models are made once under node_modules/.cache.
 */
import { parseArgs } from 'node:util';
import { FULL_SIZE, makeFullSize, type FullSize } from './make.ts';
import { MemoryWatch } from './memory.ts';
import { GB, need } from './outcome.ts';
import type { Reply } from './page.ts';
import { openFullSizeSite, type FullSizeSite } from './site.ts';

const USAGE = 'npm run bench:experts -- [--layers 32] [--tokens 16] [--rounds 2]';
/** About 64 tokens in the vocabularies of both. */
const PROMPT = 'The river runs from the hills to the sea, and the boats on it carry stone, wood and grain. '.repeat(2);

const text = { type: 'string' } as const;
const { values } = parseArgs({
  options: {
    layers: { ...text, default: '32' },
    tokens: { ...text, default: '16' },
    rounds: { ...text, default: '2' },
    help: { type: 'boolean', short: 'h' },
  },
});

interface Measured {
  decode: number;
  prefill: number;
  tabBytes: number;
}

/** The fastest of the rounds: what else the machine does only slows. */
async function measure(site: FullSizeSite, memory: MemoryWatch, model: FullSize, manifest: string): Promise<Measured> {
  const { page } = site;
  await site.reload();
  const installed = need(await page.evaluate((url) => window.fullSize.install(url), manifest));
  await site.reload();
  memory.take();
  const id = `random-${model}-gguf-${values.layers}`;
  const started = performance.now();
  const report = need(
    await page.evaluate((name) => window.fullSize.load({ model: name, backend: 'wasm', contextLength: 1024 }), id),
  );
  const seconds = (performance.now() - started) / 1000;
  const best: Measured = { decode: 0, prefill: 0, tabBytes: 0 };
  for (let round = 0; round < Number(values.rounds); round++) {
    const words = [`${round} ${PROMPT}`, Number(values.tokens)] as const;
    const { stats }: Reply = need(await page.evaluate(([prompt, most]) => window.fullSize.reply(prompt, most), words));
    best.decode = Math.max(best.decode, stats.decodeTokensPerSecond);
    best.prefill = Math.max(best.prefill, (stats.promptTokens / stats.timeToFirstTokenMs) * 1000);
    if (round === 0) console.log(`${model}: ${stats.promptTokens} tokens of prompt`);
  }
  best.tabBytes = memory.take().tabBytes;
  console.log(
    `${model}: ${GB(installed.bytes)}, loaded in ${seconds.toFixed(0)} s, ${report.graphs} stages, ${report.threads} threads, ${report.form}: ` +
      `decode ${best.decode.toFixed(2)} tok/s, prefill ${best.prefill.toFixed(1)} tok/s, peak of the tab ${GB(best.tabBytes)}`,
  );
  return best;
}

async function main(): Promise<void> {
  const models = Object.keys(FULL_SIZE) as FullSize[];
  const mounts: Record<string, string> = {};
  for (const model of models)
    mounts[`/${model}`] = (await makeFullSize('gguf', Number(values.layers), console.log, model)).folder;
  const site = await openFullSizeSite(mounts);
  const memory = new MemoryWatch(site.profile);
  try {
    const results: Measured[] = [];
    for (const model of models) results.push(await measure(site, memory, model, `/${model}/manifest.json`));
    const [dense, experts] = results as [Measured, Measured];
    console.log(
      `Phi-tiny-MoE beside Phi-4-mini: decode ${(experts.decode / dense.decode).toFixed(2)}x, prefill ${(experts.prefill / dense.prefill).toFixed(2)}x, peak ${(experts.tabBytes / dense.tabBytes).toFixed(2)}x`,
    );
  } finally {
    await memory.stop();
    await site.close();
  }
}

if (values.help) console.log(USAGE);
else await main();
