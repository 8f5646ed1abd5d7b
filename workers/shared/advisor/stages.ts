import { wasmWeightBytes, type ModelShape } from './weights.ts';

/** Layers `[from, to)` of one stage. */
export interface LayerRange {
  from: number;
  to: number;
}

/**
 * Deals the layers out to `count` consecutive stages, so that the fullest holds as few bytes as it can: the last has the head too. The embedding is in none: its
 * rows are read from the store.
 */
export function cutLayers(shape: ModelShape, form: 'int8' | 'float32', count: number): LayerRange[] {
  const { layers } = shape;
  if (count === 1) return [{ from: 0, to: layers }];
  const { head, layer } = wasmWeightBytes(shape, form);
  const fullest = (last: number) => Math.max(Math.ceil((layers - last) / (count - 1)) * layer, last * layer + head);
  let last = 1;
  for (let more = 2; more <= layers - (count - 1); more++) if (fullest(more) <= fullest(last)) last = more;
  const others = layers - last;
  const ranges = Array.from({ length: count - 1 }, (_, i) => ({
    from: Math.floor((i * others) / (count - 1)),
    to: Math.floor(((i + 1) * others) / (count - 1)),
  }));
  return [...ranges, { from: others, to: layers }];
}
