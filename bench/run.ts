/** `npm run bench`: this engine beside others, in one browser, on the same weights. See bench/options.ts for its usage. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ROOT } from '../scripts/build/app.ts';
import { install, measureRound } from './measure.ts';
import { GRAPHS, type GraphName } from './onnx/make.ts';
import { parseOptions, USAGE, type Options, type Task } from './options.ts';
import { makePrompts } from './prompts.ts';
import { ratioTable, rowTable, toRatios, toRows, type Sample } from './report.ts';
import { openSite, type BenchPlace } from './site.ts';
import { openDawn } from './dawn/place.ts';
import { prepareStarter } from './starter.ts';

const LENGTHS = [40, 100, 512, 1500, 4096];

/** The graph that transformers.js is given; `--settings '{"transformers.js": {"modelFile": "model_exact"}}'` for the exact one. */
function graphFor({ backend, device, settings }: Options): GraphName {
  // SwiftShader, which the browser from npm has, computes in float32 only.
  const usual = backend !== 'webgpu' ? 'model' : device === 'dawn' ? 'model_float16' : 'model_webgpu';
  const wanted = settings['transformers.js']?.['modelFile'] ?? usual;
  const name = Object.keys(GRAPHS).find((known) => known === wanted);
  if (name === undefined)
    throw new Error(`modelFile is one of ${Object.keys(GRAPHS).join(', ')}, not ${JSON.stringify(wanted)}.`);
  return name as GraphName;
}

/** When each turn of an engine ends, in the order of the turns: those to come share what is left of the time. */
function sharesOf({ minutes, rounds, peers }: Options): () => number {
  const end = minutes === undefined ? Infinity : performance.now() + minutes * 60_000;
  let turns = rounds * peers.length;
  return () => {
    const now = performance.now();
    return now + (end - now) / turns--;
  };
}

async function bench(options: Options): Promise<void> {
  const graph = options.peers.includes('transformers.js') ? graphFor(options) : null;
  const starter = await prepareStarter(graph);
  const lengths = LENGTHS.filter((length) => length <= 1500 || options.tasks.includes(String(length) as Task));
  const prompts = makePrompts(starter.checkpoint, lengths, join(ROOT, 'bench/passage.txt'));
  const site: BenchPlace = await (options.device === 'dawn' ? openDawn(starter, graph) : openSite(starter, options));
  const { machine, agent } = site;
  try {
    console.log(
      `${machine}\n${agent}\n${starter.model}, ${options.backend}, ${options.rounds} rounds, ${options.tokens} tokens a reply, workers warm except for load\n`,
    );
    for (const peer of options.peers) await install(site.open, peer, options);

    const samples: Sample[] = [];
    const descriptions = new Map<string, string>();
    let disturbance = 0;
    const leftOut = new Set<string>();
    const untilOf = sharesOf(options);
    for (let round = 1; round <= options.rounds; round++) {
      for (const peer of options.peers) {
        await site.restart();
        const measured = await measureRound(site.open, peer, options, prompts, untilOf());
        samples.push(...measured.samples);
        descriptions.set(peer, measured.description);
        disturbance = Math.max(disturbance, measured.disturbance);
        for (const task of measured.leftOut) leftOut.add(`${task} of ${peer} in round ${round}`);
        const figures = measured.samples.map(({ task, metric, value }) => `${task} ${value.toFixed(1)} ${metric}`);
        console.error(
          `round ${round}, ${peer}: ${figures.join('; ')}${measured.disturbance > 0.1 ? ` (other programs used ${Math.round(measured.disturbance * 100)} % of the processor)` : ''}`,
        );
      }
    }
    const rows = toRows(samples, options.backend, starter.model);
    const ratios = toRatios(rows, options.backend);
    console.log(`\n${rowTable(rows)}\n`);
    if (ratios.length > 0) console.log(`${ratioTable(ratios)}\n`);
    for (const [peer, description] of descriptions) console.log(`${peer}: ${description}`);
    if (leftOut.size > 0) console.log(`\nNot measured within ${options.minutes} minutes: ${[...leftOut].join(', ')}.`);
    if (disturbance > 0.1)
      console.log(
        `\nOther programs used up to ${Math.round(disturbance * 100)} % of the processor during a measurement. Repeat the bench on an idle machine.`,
      );
    if (options.json !== undefined) {
      const environment = { machine, browser: agent, settings: Object.fromEntries(descriptions), disturbance };
      await writeFile(options.json, `${JSON.stringify({ rows, ratios, environment }, null, 2)}\n`);
    }
  } finally {
    await site.close();
  }
}

let options: Options | null = null;
try {
  options = parseOptions(process.argv.slice(2));
  if (options) await bench(options);
  else console.log(USAGE);
} catch (error) {
  console.error(options ? error : `${error instanceof Error ? error.message : String(error)}\n\n${USAGE}`);
  process.exitCode = 2;
}
