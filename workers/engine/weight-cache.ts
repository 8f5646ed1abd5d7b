/** Keeps a backend's made weights in the store and finds them again. */
import type { ArrivingFiles } from '../store/arriving.ts';
import type { StoredModel } from '../shared/protocol.ts';
import { chunksOf, formSize } from '../store/forms.ts';
import type { ModelStore } from '../store/store.ts';
import { MOST_HELD } from './runtime/data-file.ts';
import type { OpenWeightCache } from './runtime/ort.ts';

/**
 * `onKeep` is called when weights are being kept, after the first replies. Its promise resolves with whether there was
 * room, or rejects.
 */
export function storedWeightCache(
  store: ModelStore,
  model: StoredModel,
  onKeep: (form: string, kept: Promise<boolean>) => void,
): OpenWeightCache {
  return (form, version) => {
    const key = { model, form, version };
    return {
      open: () => store.openForm(key),
      hold: () => store.holdForm(key, MOST_HELD),
      exists: () => store.hasForm(key),
      keep: async (bytes) => {
        const kept = store.saveForm(key, formSize(bytes), chunksOf(bytes));
        onKeep(form, kept);
        await kept.catch(() => undefined);
      },
    };
  };
}

/** A place for weights that are made while a model is downloaded. */
export interface EarlyCache {
  /** Tells whether there is room for weights of this size in all. */
  mayKeep(bytes: number): Promise<boolean>;
  has(form: string, version: number): Promise<boolean>;
  /** False if they could not be kept. */
  keep(form: string, version: number, bytes: Uint8Array<ArrayBuffer>): Promise<boolean>;
}

export function storedEarlyCache(store: ModelStore, arriving: ArrivingFiles): EarlyCache {
  return {
    mayKeep: (bytes) => store.mayKeepForm(bytes),
    has: (form, version) => store.hasEarlyForm({ arriving, form, version }),
    keep: (form, version, bytes) => store.saveEarlyForm({ arriving, form, version }, bytes),
  };
}
