/**
 * `npm run npu:quality -- [forms]`: what a weight format costs the starter in accuracy. The engine's own graph and weights for NPUs, on ONNX Runtime's CPU
 * (Python), against float32: loss of a text, differences of logits, best tokens that are kept.
 */
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs, promisify } from 'node:util';
import * as ort from 'onnxruntime-web/wasm';
import { ROOT } from '../../scripts/build/app.ts';
import { TEXT } from '../../workers/compare/text.ts';
import { ortProducts } from '../../workers/engine/runtime/ort-products.ts';
import { calibrationIds } from '../../workers/engine/choose/calibrate.ts';
import { createTokenizer } from '../../workers/engine/tokenizer/tokenizer.ts';
import type { WebnnShape } from '../../workers/engine/webnn/graph.ts';
import { Calibration } from '../../workers/engine/webnn/calibration.ts';
import { WEIGHT_FORMATS, type WeightFormat } from '../../workers/shared/weight-formats.ts';
import { firstRun, writeFeeds } from './feeds.ts';
import { labWeights, writeGraph } from './graphs.ts';
import { labModel, type LabModel } from './models.ts';
import { hexagonPython } from './packages.ts';
import type { TextVerdict } from './rows.ts';

const USAGE = `npm run npu:quality -- [--text FILE] [--tokens N] FORM...
  FORM   ${WEIGHT_FORMATS.join(', ')}; int4-columns+ and int4-groups+ round with compensation, which takes minutes
  --text   a file; default: the compare screen's text
  --tokens how many of its tokens are read at most (160)`;
ort.env.wasm.numThreads = 1; // more need a require that its bundle for Node does not have
const SLOTS = 256;
const SHAPE: Omit<WebnnShape, 'width'> = {
  dialect: 'npu',
  slots: SLOTS,
  visible: SLOTS,
  recent: 0,
  head: true,
  weights: 'constants',
  scales: 'before',
};

async function calibration({ checkpoint }: LabModel): Promise<Calibration> {
  return new Calibration(checkpoint, () => calibrationIds(checkpoint), await ortProducts(ort));
}

/** Arguments for text.py: a model and its feeds. */
async function prepared(model: LabModel, name: string, ids: readonly number[], folder: string): Promise<string[]> {
  const form = WEIGHT_FORMATS.find((one): one is WeightFormat => one === name.replace('+', ''));
  if (!form) throw new Error(`The format "${name}" is unknown. Choose from ${WEIGHT_FORMATS.join(', ')}.`);
  const weights = await labWeights(model, form, 'npu', name.endsWith('+') ? await calibration(model) : null);
  const shape: WebnnShape = { ...SHAPE, width: ids.length };
  const feeds = await firstRun(model.checkpoint, shape, ids, weights.plan.residual);
  console.error(`${name}: the weights are ready`);
  return [await writeGraph(weights, shape), await writeFeeds(join(folder, name), feeds)];
}

async function main(): Promise<void> {
  const { values, positionals: asked } = parseArgs({
    allowPositionals: true,
    options: {
      text: { type: 'string' },
      tokens: { type: 'string', default: '160' },
      help: { type: 'boolean', default: false },
    },
  });
  if (asked.length === 0 || values.help) return console.log(USAGE);
  const python = await hexagonPython();
  const model = await labModel('starter', 'float32');
  const text = values.text === undefined ? TEXT : await readFile(values.text, 'utf8');
  const ids = createTokenizer(model.checkpoint.tokenizer).encode(text).slice(0, Number(values.tokens));
  const folder = await mkdtemp(join(tmpdir(), 'phi-npu-'));
  try {
    const idsPath = join(folder, 'ids.json');
    await writeFile(idsPath, JSON.stringify(ids));
    const args: string[] = [];
    const names = ['float32', ...asked];
    for (const name of names) args.push(...(await prepared(model, name, ids, folder)));
    const { stdout } = await promisify(execFile)(python, [join(ROOT, 'bench/npu/text.py'), idsPath, ...args]);
    const line = stdout.split('\n').findLast((text) => text.startsWith('RESULT '))!;
    const verdicts = JSON.parse(line.slice(7)) as TextVerdict[];
    console.log(
      '| format | NLL | above float32 | logits differ by | sure tokens kept |\n| --- | --- | --- | --- | --- |',
    );
    verdicts.forEach(({ nll, nllRise, difference, sure, kept }, i) => {
      const figures = [nll, nllRise, difference].map((value) => value?.toFixed(4) ?? 'NaN');
      console.log(`| ${[names[i], ...figures, `${kept} of ${sure}`].join(' | ')} |`);
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

await main();
