/**
 * `npm run npu`: the engine's own WebNN graphs through the vendors' NPU compilers. Prints a table and writes rows as JSON.
 * Latencies are estimated by Intel's compiler (its cost model), never measured: no NPU is needed.
 */
import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { WEIGHT_FORMATS } from '../../workers/shared/weight-formats.ts';
import { labWeights } from './graphs.ts';
import { openLabs, ownWidths, shapeOf, tryOn, tryRecorded, writeRecorded } from './judge.ts';
import { labModel, MODELS, PHI4_MINI_PIECE } from './models.ts';
import { VERSIONS } from './packages.ts';
import { RecordingBrowser } from './recorder/browser.ts';
import { DEVICES, type NpuRow } from './rows.ts';
import { printTable, withRows, type NpuTable } from './table.ts';

const USAGE = `npm run npu -- [options]
  --model NAME     ${MODELS.join(', ')}; several with commas (${PHI4_MINI_PIECE})
  --form FORM      ${WEIGHT_FORMATS.join(', ')}; several with commas (int8)
  --width N        tokens a run; several with commas (default: what the engine uses on an NPU)
  --slots N        KV slots that a run looks at (1024)
  --device NAME    ${DEVICES.join(', ')}; several with commas (all)
  --seconds N      time limit for one compilation (600)
  --as-browser     compiles each graph once more as a browser hands it on: ONNX of the MLGraphBuilder calls that it received
  --json FILE      writes the rows and the compilers' versions into a table; replaces older rows of the same graphs`;

const list = (text: string) => text.split(',').map((part) => part.trim());

function oneOf<T extends string>(known: readonly T[], text: string, what: string): T {
  const found = known.find((name) => name === text);
  if (!found) throw new Error(`${what} "${text}" is unknown. Choose from ${known.join(', ')}.`);
  return found;
}

async function readTable(path: string): Promise<NpuTable | null> {
  return existsSync(path) ? (JSON.parse(await readFile(path, 'utf8')) as NpuTable) : null;
}

const writeTable = (path: string, table: NpuTable) => writeFile(path, `${JSON.stringify(table, null, 2)}\n`);

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      model: { type: 'string', default: PHI4_MINI_PIECE },
      form: { type: 'string', default: 'int8' },
      width: { type: 'string' },
      slots: { type: 'string', default: '1024' },
      device: { type: 'string', default: DEVICES.join() },
      seconds: { type: 'string', default: '600' },
      'as-browser': { type: 'boolean', default: false },
      json: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return console.log(USAGE);
  const devices = list(values.device).map((name) => oneOf(DEVICES, name, 'Device'));
  const forms = list(values.form).map((name) => oneOf(WEIGHT_FORMATS, name, 'Form'));
  const slots = Number(values.slots);
  const labs = await openLabs(devices);
  const browser = values['as-browser'] ? await RecordingBrowser.open() : null;
  const before = values.json ? await readTable(values.json) : null;
  const table: NpuTable = { date: new Date().toISOString().slice(0, 10), versions: VERSIONS, rows: [] };
  const add = async (row: NpuRow) => {
    table.rows.push(row);
    if (values.json) await writeTable(values.json, withRows(before, table)); // a stopped run keeps its rows
    const { model, form, width, device, whole, refused } = row;
    console.error(`${model} ${form} ${width} ${device}: ${whole ? 'whole' : refused[0]}`);
  };
  try {
    for (const name of list(values.model)) {
      for (const form of forms) {
        const model = await labModel(name, form);
        const widths = values.width ? list(values.width).map(Number) : ownWidths(form);
        const weights = await labWeights(model, form, 'npu');
        for (const width of widths) {
          const shape = shapeOf(width, slots, form, model.head);
          const recorded = browser && (await writeRecorded(browser, weights, shape));
          for (const device of devices) {
            const verdict = await tryOn(device, labs, weights, shape, Number(values.seconds));
            if (!verdict) {
              process.exitCode = 1; // openLabs said what is missing
              continue;
            }
            const asBrowser = recorded && (await tryRecorded(device, labs, recorded, Number(values.seconds)));
            const row: NpuRow = { model: name, form, width, slots, device, pieces: model.pieces, ...verdict };
            await add(asBrowser ? { ...row, asBrowser } : row);
          }
        }
      }
    }
  } finally {
    await browser?.close();
  }
  printTable(table.rows);
}

await main();
