/** The tiny model that lies beside the app: random weights, for adapters that are programs and for trying the screen out. */
import { memoryBudget, type DeviceFacts } from '../../workers/shared/advisor/device.ts';
import type { MeasuredModel } from './prepare.ts';

/** Its name, and its id among the models. */
export const TINY_NAME = 'Tiny Phi (random weights)';
const FOLDER = 'tiny-phi';
const FILE = 'tiny-phi.q4_1.gguf';

export const tinyModel = (): MeasuredModel => ({
  id: TINY_NAME,
  name: TINY_NAME,
  bytes: 1_489_408,
  url: new URL(`models/${FOLDER}/${FILE}`, document.baseURI).href,
});

/** A software adapter takes 6 to 10 s for a token of the starter (98 MB); what is smaller than this may run on it. */
const SOFTWARE_BYTES = 20e6;

export const needsStandIn = ({ bytes }: Pick<MeasuredModel, 'bytes'>): boolean => bytes > SOFTWARE_BYTES;

/**
 * How many times the bytes of a 4-bit file the greediest backend holds: WebNN on LiteRT computes in float32 (seven times) and has three copies
 * while it builds; without WebNN it is WASM with 8 bits and its working space.
 */
const GREEDIEST = { webnn: 21, none: 4 };

/** True if every backend of this browser should hold a model of so many bytes. */
export const fitsEverywhere = (
  bytes: number,
  device: Pick<DeviceFacts, 'memoryGiB' | 'phone' | 'ios' | 'webnn'>,
): boolean => bytes * (device.webnn ? GREEDIEST.webnn : GREEDIEST.none) <= memoryBudget(device).bytes;

/** The model that a comparison takes unless another is picked: the chosen one if it fits all backends, else the largest that does, else the smallest. */
export function defaultModel<M extends { id: string; bytes: number }>(
  models: readonly M[],
  chosen: string,
  device: Parameters<typeof fitsEverywhere>[1],
): M | undefined {
  const bySize = [...models].sort((a, b) => b.bytes - a.bytes);
  const fitting = bySize.filter(({ bytes }) => fitsEverywhere(bytes, device));
  return fitting.find(({ id }) => id === chosen) ?? fitting[0] ?? bySize.at(-1);
}
