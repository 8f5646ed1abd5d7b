/**
 * `npm run npu`: the engine's own WebNN graphs through the vendors' NPU compilers. Prints a table and writes rows as JSON.
 * Latencies are estimated by Intel's compiler (its cost model), never measured: no NPU is needed.
 */
import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import type { WeightFormat } from '../../workers/shared/protocol.ts';
import type { WebnnShape } from '../../workers/engine/webnn/graph.ts';
import { graphsFor } from '../../workers/engine/webnn/plan.ts';
import { firstRun } from './feeds.ts';
import { labWeights, writeGraph, type LabWeights } from './graphs.ts';
import { tryOnHexagon } from './hexagon.ts';
import { compileForIntel, INTEL_PLATFORMS, type IntelPlatform } from './intel.ts';
import { labModel, MODELS, PHI4_MINI_PIECE } from './models.ts';
import { hexagonPython, intelLab, MissingTool, VERSIONS, type IntelLab } from './packages.ts';
import { DEVICES, type NpuDevice, type NpuRow, type Verdict } from './rows.ts';
import { printTable, type NpuTable } from './table.ts';

const USAGE = `npm run npu -- [options]
  --model NAME     ${MODELS.join(', ')}; several with commas (${PHI4_MINI_PIECE})
  --form FORM      float16, int8, int4, int8-blocks, float32; several with commas (int8)
  --width N        tokens a run; several with commas (what the engine uses on an NPU)
  --slots N        KV slots that a run looks at (1024)
  --device NAME    ${DEVICES.join(', ')}; several with commas (all)
  --seconds N      most for one compile (600)
  --json FILE      writes the rows and the versions of the compilers`;

const list = (text: string) => text.split(',').map((part) => part.trim());
const FORMS: readonly WeightFormat[] = ['float32', 'float16', 'int8', 'int4', 'int8-blocks'];

function oneOf<T extends string>(known: readonly T[], text: string, what: string): T {
  const found = known.find((name) => name === text);
  if (!found) throw new Error(`${what} "${text}": ${known.join(', ')} are known.`);
  return found;
}

interface Labs {
  intel: IntelLab | null;
  hexagon: string | null;
}

/** Opens what the devices need; a missing tool is told and its devices are left out. */
async function openLabs(devices: readonly NpuDevice[]): Promise<Labs> {
  const open = async <T>(needed: boolean, make: () => Promise<T>): Promise<T | null> => {
    if (!needed) return null;
    try {
      return await make();
    } catch (error) {
      if (!(error instanceof MissingTool)) throw error;
      console.error(error.message);
      return null;
    }
  };
  return {
    intel: await open(
      devices.some((device) => device.startsWith('intel')),
      intelLab,
    ),
    hexagon: await open(devices.includes('hexagon-v73'), hexagonPython),
  };
}

/** A graph as the engine gives it to an NPU: narrow ones have the head and the recent cache, wide ones are for prefill. */
function shapeOf(width: number, slots: number, form: WeightFormat, head: boolean): WebnnShape {
  const graphs = graphsFor('npu', 1, form);
  const main = width <= graphs.main;
  return {
    dialect: 'npu',
    width,
    slots,
    visible: slots,
    recent: main ? graphs.recent : 0,
    head: head && main,
    weights: graphs.weights,
    scales: 'before',
  };
}

async function tryOn(
  device: NpuDevice,
  labs: Labs,
  weights: LabWeights,
  shape: WebnnShape,
  seconds: number,
): Promise<Verdict | null> {
  if (device !== 'hexagon-v73') {
    if (!labs.intel) return null;
    const platform: IntelPlatform = INTEL_PLATFORMS.find((one) => device.endsWith(one))!;
    return compileForIntel(labs.intel, await writeGraph(weights, shape), platform, seconds);
  }
  if (!labs.hexagon) return null;
  // The simulator has no tensors that stay on the device, so weights are constants. Scales are where the engine puts them when the other is refused.
  const constant: WebnnShape = { ...shape, weights: 'constants', scales: 'after' };
  const { checkpoint, ids } = weights.model;
  const feeds = await firstRun(checkpoint, constant, ids.slice(0, shape.width));
  return tryOnHexagon(labs.hexagon, await writeGraph(weights, constant), feeds, seconds);
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      model: { type: 'string', default: PHI4_MINI_PIECE },
      form: { type: 'string', default: 'int8' },
      width: { type: 'string' },
      slots: { type: 'string', default: '1024' },
      device: { type: 'string', default: DEVICES.join() },
      seconds: { type: 'string', default: '600' },
      json: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return console.log(USAGE);
  const devices = list(values.device).map((name) => oneOf(DEVICES, name, 'Device'));
  const forms = list(values.form).map((name) => oneOf(FORMS, name, 'Form'));
  const slots = Number(values.slots);
  const labs = await openLabs(devices);
  const table: NpuTable = { date: new Date().toISOString().slice(0, 10), versions: VERSIONS, rows: [] };
  for (const name of list(values.model)) {
    const model = await labModel(name);
    for (const form of forms) {
      const graphs = graphsFor('npu', 1, form);
      const widths = values.width ? list(values.width).map(Number) : [graphs.main, ...graphs.prefill];
      const weights = await labWeights(model, form, 'npu');
      for (const width of widths) {
        const shape = shapeOf(width, slots, form, model.head);
        for (const device of devices) {
          const verdict = await tryOn(device, labs, weights, shape, Number(values.seconds));
          if (!verdict) continue;
          const row: NpuRow = { model: name, form, width, slots, device, pieces: model.pieces, ...verdict };
          table.rows.push(row);
          console.error(`${name} ${form} ${width} ${device}: ${row.whole ? 'whole' : row.refused[0]}`);
        }
      }
    }
  }
  printTable(table.rows);
  if (values.json) await writeFile(values.json, `${JSON.stringify(table, null, 1)}\n`);
}

await main();
