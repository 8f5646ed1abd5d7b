import { refusesBlobs } from './blob-table.ts';
import { PhiError } from '../shared/errors.ts';
import type { ModelManifest, Progress, StorageReport, StoredModel } from '../shared/protocol.ts';
import type { ModelFiles } from './bytes.ts';
import { createContext, type JobOptions, type StoreContext } from './context.ts';
import { fetchManifest } from './fetch-manifest.ts';
import { openFiles } from './files.ts';
import {
  hasEarlyForm,
  hasForm,
  listForms,
  mayKeepForm,
  holdForm,
  openForm,
  removeForms,
  saveEarlyForm,
  saveForm,
  type EarlyFormKey,
  type FormBytes,
  type FormKey,
} from './forms.ts';
import { describeImport, importFiles, type DiskFile, type ImportedAs } from './import.ts';
import { openAddress, type Remote } from './inspect-address.ts';
import { isHubModel, validateHubModel, type HubModel } from '../shared/hub.ts';
import { install, type OnArriving } from './install.ts';
import { findModel, listModels, listPartials, removeModel } from './inventory.ts';
import { cacheStore, reportCaches, type CacheStore } from './kept-caches.ts';
import { withModelLock } from './locks.ts';
import { resolveUrls, validateManifest } from '../shared/manifest.ts';
import type { Net } from './net.ts';
import { describePinned, pin } from './pins.ts';
import { estimateRoom, isPersisted } from './room.ts';
import { verify } from './verify.ts';

type Options = JobOptions<Progress>;

const never = new AbortController().signal;
/** A person waits for the inspection of an address, and no data is lost by giving up, so it is reported after two seconds. */
const LOOK_RETRIES = 2;

/**
 * Models in this browser: the one door to this folder. Every method rejects with a PhiError.
 *
 *   install.ts   what is missing -> download.ts (several shards at a time) -> fetch-shard.ts | fetch-in-order.ts -> http.ts (one exchange)
 *   arriving.ts  the files of a download, readable as they arrive
 *   import.ts    the same from the disk
 *   hub.ts       models of a hub -> pins.ts (recorded at the first download) -> resolve-files.ts (asked for) -> a manifest
 *   put.ts       a checked shard -> tables.ts (what lies where) -> database.ts (IndexedDB)
 *   files.ts     a stored model -> sharded-source.ts (bytes by range, each shard checked before its first use)
 *   verify.ts    everything hashed again;  forms.ts  made weight forms;  inventory.ts  what of a model is there
 *   kept-caches.ts  KV caches of conversations
 */
export class ModelStore {
  readonly #context: StoreContext;
  /** KV caches of conversations. */
  readonly caches: CacheStore;

  constructor(net: Partial<Net> = {}) {
    this.#context = createContext(net);
    this.caches = cacheStore(this.#context);
  }

  /**
   * Downloads a model, goes on with what is there of it, or resolves at once when it is stored and whole.
   * @param model a manifest with absolute shard URLs, its absolute URL, or a model of a hub, whose sizes may have to be asked for first
   */
  async install(
    model: ModelManifest | HubModel | string,
    { signal = never, onProgress, onArriving }: Options & { onArriving?: OnArriving } = {},
  ): Promise<StoredModel> {
    return guarded(async () => {
      // During a download, the meter reports progress.
      const net = { ...this.#context.net, onRetry: () => onProgress?.({ phase: 'retry' }) };
      const wanted = await describe({ ...this.#context, net }, model, signal);
      return withModelLock(wanted.id, signal, async () => {
        const stored = await install(this.#context, wanted, signal, onProgress, onArriving);
        if (isHubModel(model)) await pin(this.#context, model, stored);
        return stored;
      });
    });
  }

  /** Copies files from the disk. `name` is shown for the model; else the folder's or the largest file's name is. */
  async importFiles(
    files: DiskFile[],
    { signal = never, onProgress, ...known }: Options & ImportedAs = {},
  ): Promise<StoredModel> {
    return guarded(async () => {
      const { model, files: byPath } = await describeImport(files, known);
      return withModelLock(model.id, signal, () => importFiles(this.#context, model, byPath, signal, onProgress));
    });
  }

  /** Null when it is not stored, or not whole. */
  async find(id: string): Promise<StoredModel | null> {
    return guarded(() => findModel(this.#context, id));
  }

  /** Its files as byte sources. A shard that is missing, short or (at its first read) damaged is an `integrity` error that names it. */
  async openStored(id: string): Promise<ModelFiles> {
    return guarded(async () => openFiles(this.#context, await this.#need(id)));
  }

  /** Re-hashes everything; damaged shards are dropped, and `install` fetches just these. */
  async verify(
    id: string,
    { signal = never, onProgress }: Options = {},
  ): Promise<{ damaged: { path: string; shard: number }[] }> {
    return guarded(async () => {
      const damaged = await withModelLock(id, signal, async () =>
        verify(this.#context, await this.#need(id), signal, onProgress),
      );
      return { damaged: damaged.map(({ file, index }) => ({ path: file.path, shard: index })) };
    });
  }

  /** One file as a Blob for saving to the disk, its shards checked. */
  async exportFile(id: string, path: string): Promise<Blob> {
    return guarded(async () => {
      const source = (await openFiles(this.#context, await this.#need(id))).get(path);
      if (!source) throw new PhiError('bad-request', `${id} has no file "${path}".`, { path });
      return source.blob(0, source.size);
    });
  }

  /** Finds the models at an address that a person gave. Stores nothing. */
  async openAddress(address: string, hub: string, { signal = never }: Options = {}): Promise<Remote> {
    const net = { ...this.#context.net, retries: Math.min(this.#context.net.retries, LOOK_RETRIES) };
    return guarded(() => openAddress(net, address, hub, signal));
  }

  async removeForms(id: string): Promise<void> {
    return guarded(() => removeForms(this.#context, id));
  }

  /** Waits for a download of it to end: cancel that first. */
  async remove(id: string, { signal = never }: Options = {}): Promise<void> {
    return guarded(() => withModelLock(id, signal, () => removeModel(this.#context, id)));
  }

  async report(): Promise<StorageReport> {
    return guarded(async () => {
      const forms = await listForms(this.#context);
      const formBytes = (id: string) => forms.reduce((sum, { model, bytes }) => sum + (model === id ? bytes : 0), 0);
      const models = (await listModels(this.#context)).map((model) => ({ ...model, formBytes: formBytes(model.id) }));
      return {
        persisted: await isPersisted(),
        ...(refusesBlobs() && { withoutBlobs: true }),
        ...(await estimateRoom()),
        models,
        partial: await listPartials(this.#context),
        forms,
        caches: await reportCaches(this.#context),
      };
    });
  }

  /** A made weight form, checked; null when it is to be made (again). `hold`: as bytes too. */
  async openForm(key: FormKey, { signal = never }: Options = {}): Promise<Blob | null> {
    return guarded(() => openForm(this.#context, key, signal));
  }

  /** `openForm`, but a form of up to `mostBytes` is held in this worker's heap. */
  async holdForm(key: FormKey, mostBytes: number, { signal = never }: Options = {}): Promise<FormBytes | null> {
    return guarded(() => holdForm(this.#context, key, mostBytes, signal));
  }

  /** True if the form is stored; its bytes are not looked at. */
  async hasForm(key: FormKey): Promise<boolean> {
    return guarded(() => hasForm(this.#context, key));
  }

  /** True if this weight form was kept during an earlier part of the download. */
  async hasEarlyForm(key: EarlyFormKey): Promise<boolean> {
    return guarded(() => hasEarlyForm(this.#context, key));
  }

  /** Keeps a weight form of a model that is being downloaded; false when that is not possible. See forms.ts. */
  async saveEarlyForm(key: EarlyFormKey, bytes: Uint8Array<ArrayBuffer>): Promise<boolean> {
    return guarded(() => saveEarlyForm(this.#context, key, bytes));
  }

  /** True if enough space is left after storing made weights of this size. */
  async mayKeepForm(bytes: number): Promise<boolean> {
    return guarded(() => mayKeepForm(this.#context, bytes));
  }

  /** Keeps a made weight form if there is room enough; false when not. See forms.ts. */
  async saveForm(key: FormKey, bytes: number, chunks: AsyncIterable<Uint8Array<ArrayBuffer>>): Promise<boolean> {
    return guarded(() => saveForm(this.#context, key, bytes, chunks));
  }

  async #need(id: string): Promise<StoredModel> {
    const model = await findModel(this.#context, id);
    if (model) return model;
    throw new PhiError('no-model', `${id} is not completely stored in this browser. Download or import it first.`, {
      model: id,
    });
  }
}

async function describe(
  context: StoreContext,
  model: ModelManifest | HubModel | string,
  signal: AbortSignal,
): Promise<ModelManifest> {
  if (typeof model === 'string') return fetchManifest(context.net, model, signal);
  return isHubModel(model)
    ? describePinned(context, validateHubModel(model), signal)
    : resolveUrls(validateManifest(model));
}

async function guarded<T>(job: () => Promise<T>): Promise<T> {
  try {
    return await job();
  } catch (cause) {
    throw PhiError.from(cause, 'storage');
  }
}
