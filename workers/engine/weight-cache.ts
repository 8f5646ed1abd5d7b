/** Keeps a backend's made weights in the store and finds them again. */
import type { StoredModel } from '../shared/protocol.ts';
import { chunksOf } from '../store/forms.ts';
import type { ModelStore } from '../store/store.ts';
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
      exists: () => store.hasForm(key),
      keep: (blob) => onKeep(form, store.saveForm(key, blob.size, chunksOf(blob))),
    };
  };
}
