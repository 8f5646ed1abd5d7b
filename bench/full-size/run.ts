/**
 * `npm run test:full-size`: a random model with the measures of Phi-4-mini is downloaded with an interruption, checked, loaded in stages on WASM, and answers.
 * Takes minutes, 10 GB of memory and as much disk; the model is made once under node_modules/.cache.
 */
import { parseArgs } from 'node:util';
import { writeFile } from 'node:fs/promises';
import type { Page } from 'playwright';
import { cutLayers } from '../../workers/shared/advisor/stages.ts';
import { wasmWeightBytes } from '../../workers/shared/advisor/weights.ts';
import { int4Mounts, timeInt4 } from './compare.ts';
import { makeFullSize, type Format } from './make.ts';
import { MemoryWatch } from './memory.ts';
import { GB, need } from './outcome.ts';
import { phi4MiniShape } from './shape.ts';
import { openFullSizeSite } from './site.ts';

const USAGE =
  'npm run test:full-size -- [--format gguf|onnx] [--layers 32] [--stages N] [--tokens 16] [--context 2048] [--compare] [--json FILE]';
/** The server goes away after this share of the shards. */
const OUTAGE_AT = 0.4;
/** Bar of the issue: the tab's peak. */
const MODEL_COPIES = 2;

/** Within this time another group of weights is kept, or there are no more. */
const KEEP_PAUSE_MS = 5000;

const text = { type: 'string' } as const;
const { values } = parseArgs({
  options: {
    format: { ...text, default: 'gguf' },
    layers: { ...text, default: '32' },
    stages: text,
    tokens: { ...text, default: '16' },
    context: { ...text, default: '2048' },
    /** Also the int4 graph of onnxruntime-web: `npm run bench:stages`. */
    compare: { type: 'boolean', default: false },
    json: text,
    help: { type: 'boolean', short: 'h' },
  },
});

function check(holds: boolean, what: string): void {
  if (!holds) throw new Error(`FAILED: ${what}`);
}

async function timed<T>(work: Promise<T>): Promise<[T, number]> {
  const start = performance.now();
  return [await work, (performance.now() - start) / 1000];
}

/** Made weights are kept behind the first replies: waits until no more come. */
async function keptBytes(page: Page, model: string): Promise<number> {
  for (let before = -1; ;) {
    const now = await page.evaluate((id) => window.fullSize.formBytes(id), model);
    if (now === before) return now;
    before = now;
    await new Promise((resolve) => setTimeout(resolve, KEEP_PAUSE_MS));
  }
}

async function main(): Promise<void> {
  const layers = Number(values.layers);
  const { folder, manifest } = await makeFullSize(values.format as Format, layers, console.log);
  const shape = phi4MiniShape(layers);
  const wished = values.stages === undefined ? undefined : Number(values.stages);
  const { all, embedding } = wasmWeightBytes(shape, 'int8');
  const int8Bytes = all - embedding;

  /** First bytes of the ranges that were served. */
  const served: string[] = [];
  let outage = false;
  const shards = manifest.files.reduce((sum, file) => sum + file.shards.length, 0);
  const int4 = values.compare ? await int4Mounts(layers) : {};
  const site = await openFullSizeSite({ '/models': folder, ...int4 }, (request, response) => {
    if (!request.headers.range || !request.url?.startsWith('/models/')) return false;
    if (served.length === Math.floor(shards * OUTAGE_AT)) outage ||= served.push('outage') > 0;
    if (outage) response.destroy();
    else served.push(`${request.url} ${request.headers.range}`);
    return outage;
  });
  const memory = new MemoryWatch(site.profile);
  const figures: Record<string, unknown> = {
    format: values.format,
    layers,
    modelBytes: manifest.bytes,
    int8Bytes,
    stages: 0,
  };
  const say = (line: string) => {
    const { tabBytes, allBytes } = memory.take();
    figures[line.split(':')[0]!] = { tabBytes, allBytes };
    console.log(`${line}. Peak meanwhile: tab ${GB(tabBytes)}, browser ${GB(allBytes)}`);
    return tabBytes;
  };
  try {
    const { page } = site;
    const [failed, firstSeconds] = await timed(page.evaluate(() => window.fullSize.install('/models/manifest.json')));
    check(
      'error' in failed && failed.error.code === 'network',
      `the download ends with "network" when the server goes away: ${JSON.stringify(failed)}`,
    );
    say(
      `download until the server went away: ${firstSeconds.toFixed(0)} s, ${served.length - 1} ranges of ${shards} shards`,
    );
    const before = served.length;
    outage = false;
    const [installed, secondSeconds] = await timed(
      page.evaluate(() => window.fullSize.install('/models/manifest.json')),
    );
    check(need(installed).bytes === manifest.bytes, 'the rest of the download completes the model');
    const again = served.slice(before);
    check(again.length < shards, `only what was missing is fetched (${again.length} of ${shards} shards)`);
    say(`rest of the download: ${secondSeconds.toFixed(0)} s, ${again.length} ranges`);
    const [damaged, verifySeconds] = await timed(page.evaluate((id) => window.fullSize.damaged(id), manifest.id));
    check(need(damaged) === 0, 'every shard is sound');
    say(`verify: ${verifySeconds.toFixed(0)} s`);

    await site.reload(); // as on the next visit: nothing of the download is in memory
    const request = {
      model: manifest.id,
      backend: 'wasm',
      contextLength: Number(values.context),
      stages: wished,
    } as const;
    const [loaded, loadSeconds] = await timed(page.evaluate((wish) => window.fullSize.load(wish), request));
    const report = need(loaded);
    const stages = report.graphs;
    const cut = cutLayers(shape, 'int8', stages).map(({ from, to }) => to - from);
    const loadPeak = say(
      `load: ${loadSeconds.toFixed(0)} s (weights ${(report.prepareMs / 1000).toFixed(0)} s, sessions ${(report.compileMs / 1000).toFixed(0)} s, warm-up ${(report.warmUpMs / 1000).toFixed(0)} s), ${stages} stages of ${cut.join(' and ')} layers, ${GB(report.bytesHeld)} of ${report.form}`,
    );
    check(report.form === 'int8', 'the weights are int8');
    if (layers === 32) check(stages === 2, 'the whole model takes two stages');

    const answers: string[] = [];
    const speeds: number[] = [];
    let peak = loadPeak;
    for (const prompt of ['Hello', 'Write a story about a river, please.']) {
      const reply = need(
        await page.evaluate(([words, count]) => window.fullSize.reply(words, count), [
          prompt,
          Number(values.tokens),
        ] as const),
      );
      answers.push(reply.text);
      const { timeToFirstTokenMs, decodeTokensPerSecond, promptTokens, generatedTokens } = reply.stats;
      speeds.push(decodeTokensPerSecond);
      figures[`reply ${answers.length}`] = reply.stats;
      peak = Math.max(
        peak,
        say(
          `reply: ${promptTokens} tokens of prompt, first token after ${(timeToFirstTokenMs / 1000).toFixed(1)} s, ${generatedTokens} tokens at ${decodeTokensPerSecond.toFixed(2)} tok/s`,
        ),
      );
      check(generatedTokens > 1, 'tokens come');
    }
    check(answers[0] !== answers[1], 'another prompt gives another reply');
    const limit = MODEL_COPIES * manifest.bytes + int8Bytes;
    console.log(
      `Peak of the tab ${GB(peak)}; at most ${MODEL_COPIES} x ${GB(manifest.bytes)} + ${GB(int8Bytes)} = ${GB(limit)} is allowed.`,
    );
    // With few layers, most memory goes to the head, which is made as a whole, and to the tokenizer.
    if (layers === 32) check(peak <= limit, 'the peak is within the bar');
    Object.assign(figures, {
      stages,
      loadSeconds,
      report,
      peakTabBytes: peak,
      limitBytes: limit,
      downloadSeconds: firstSeconds + secondSeconds,
      verifySeconds,
    });
    const kept = await keptBytes(page, manifest.id);
    if (kept > 0) {
      await site.reload();
      const [again, seconds] = await timed(page.evaluate((wish) => window.fullSize.load(wish), request));
      check(need(again).prepareMs < report.prepareMs / 10, 'kept weights are read, not made again');
      say(`load with ${GB(kept)} of weights kept: ${seconds.toFixed(0)} s`);
    } else
      console.log('The made weights were not kept, because they would take more than a quarter of the free space.');
    if (values.compare) {
      await site.reload();
      const times = await timeInt4(page, shape, report.threads);
      const ratio = speeds.at(-1)! / (1000 / times.tokenMs);
      Object.assign(figures, { int4: times, ratio });
      console.log(
        `int4 graph of onnxruntime-web, ${report.threads} threads, 40 tokens of context: a layer ${times.layerMs.toFixed(1)} ms, the head ${times.headMs.toFixed(1)} ms,`,
      );
      console.log(
        `so a token ${times.tokenMs.toFixed(0)} ms (${(1000 / times.tokenMs).toFixed(3)} tok/s); whole it ${times.whole}.`,
      );
      console.log(`This engine: ${speeds.at(-1)!.toFixed(2)} tok/s, ${ratio.toFixed(1)}x.`);
    }
    check(site.session.foreign.length === 0, 'no other host received a request');
    if (values.json !== undefined) await writeFile(values.json, JSON.stringify(figures, null, 2));
  } finally {
    await memory.stop();
    await site.close();
  }
}

if (values.help) console.log(USAGE);
else if (['gguf', 'onnx'].includes(values.format)) await main();
else {
  console.error(`The format "${values.format}" is unknown.\n\n${USAGE}`);
  process.exitCode = 2;
}
