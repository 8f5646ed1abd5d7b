/** One graph on one device: what the lab's commands share. */
import { writeFile } from 'node:fs/promises';
import type { WebnnShape } from '../../workers/engine/webnn/graph.ts';
import { graphsFor } from '../../workers/engine/webnn/plan.ts';
import type { WeightFormat } from '../../workers/shared/protocol.ts';
import { firstRun } from './feeds.ts';
import { writeGraph, type LabWeights } from './graphs.ts';
import { tryOnHexagon } from './hexagon.ts';
import { compileForIntel, INTEL_PLATFORMS, type IntelPlatform } from './intel.ts';
import { hexagonPython, intelLab, MissingTool, type IntelLab } from './packages.ts';
import type { RecordingBrowser } from './recorder/browser.ts';
import { onnxOf } from './recorder/onnx.ts';
import type { NpuDevice, Verdict } from './rows.ts';

export interface Labs {
  intel: IntelLab | null;
  hexagon: string | null;
}

/** Opens the tools of the devices. A missing tool is reported, and its devices are left out. */
export async function openLabs(devices: readonly NpuDevice[]): Promise<Labs> {
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

/** Tokens a run of the graphs that the engine makes for an NPU. */
export function ownWidths(form: WeightFormat): number[] {
  const { step, main, prefill } = graphsFor('npu', 1, form, true);
  return [...(step ? [1] : []), main, ...prefill];
}

/** A graph as the engine gives it to an NPU: narrow ones have the head and the recent cache, wide ones are for prefill. */
export function shapeOf(width: number, slots: number, form: WeightFormat, head: boolean): WebnnShape {
  const graphs = graphsFor('npu', 1, form, true);
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

const platformOf = (device: NpuDevice): IntelPlatform => INTEL_PLATFORMS.find((one) => device.endsWith(one))!;

/** Writes the graph as a browser hands it on, beside its weights; returns its path. */
export async function writeRecorded(
  browser: RecordingBrowser,
  weights: LabWeights,
  shape: WebnnShape,
): Promise<string> {
  const path = (await writeGraph(weights, shape)).replace(/\.onnx$/, '.recorded.onnx');
  await writeFile(path, onnxOf(await browser.record(weights, shape)));
  return path;
}

/** The verdict on a graph of the disk: Intel's devices only, because the simulator wants its weights as constants. */
export async function tryRecorded(
  device: NpuDevice,
  labs: Labs,
  path: string,
  seconds: number,
): Promise<Verdict | null> {
  if (device === 'hexagon-v73' || !labs.intel) return null;
  return compileForIntel(labs.intel, path, platformOf(device), seconds);
}

export async function tryOn(
  device: NpuDevice,
  labs: Labs,
  weights: LabWeights,
  shape: WebnnShape,
  seconds: number,
): Promise<Verdict | null> {
  if (device !== 'hexagon-v73') {
    if (!labs.intel) return null;
    return compileForIntel(labs.intel, await writeGraph(weights, shape), platformOf(device), seconds);
  }
  if (!labs.hexagon) return null;
  // The simulator has no tensors that stay on the device, so weights are constants. Scales are where the engine puts them when the other is refused.
  const { checkpoint, ids, head } = weights.model;
  const constant: WebnnShape = { ...shape, head, weights: 'constants', scales: 'after' };
  const run = ids.slice(0, shape.width);
  const feeds = await firstRun(checkpoint, constant, run, weights.plan.residual);
  const text = head && run.length > 1 ? run : null;
  return tryOnHexagon(labs.hexagon, await writeGraph(weights, constant), feeds, text, seconds);
}
