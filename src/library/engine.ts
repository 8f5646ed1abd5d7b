/** The library's engine: one worker, one loaded model, for a page of any site. */
import { PhiError } from '../../workers/shared/errors.ts';
import { DEFAULT_HUB, type HubModel } from '../../workers/shared/hub.ts';
import type {
  BackendId,
  ChatMessage,
  DeviceType,
  EngineReport,
  GenerateRequest,
  ModelManifest,
  Sampling,
  StoredModel,
  ToolSpec,
  WeightFormat,
} from '../../workers/shared/protocol.ts';
import { randomSeed } from '../../workers/shared/seed.ts';
import { Engine } from '../engine/engine.ts';
import { spawnEngineWorker } from '../engine/engine-thread.ts';
import type { GenerateUpdate, JobOptions, Recovery } from '../engine/types.ts';
import { MODES } from './sampling-modes.ts';

/** Where a model comes from. Whatever is stored in this browser already is not downloaded again. */
export type ModelSource =
  /** Id of a stored model. */
  | { stored: string }
  /** A manifest of this project's form, or its absolute address. */
  | { manifest: ModelManifest | string }
  /** Id of an entry of the catalogue, e.g. "phi-4-mini-instruct.gguf-q4_k_m"; from `hub`, huggingface.co by default. */
  | { catalogue: string; hub?: string }
  /** "owner/name", "owner/name:Q4_K_M", or the address of a repository or a file. */
  | { address: string; hub?: string }
  /** Files of one model from the disk; `path` is relative to their folder. */
  | { files: { path: string; file: Blob }[] };

export interface EngineOptions {
  /** Where to run; default 'auto': WebNN, then WebGPU, then WASM. */
  backend?: BackendId | 'auto';
  /** Preferred by WebNN; default 'npu'. */
  device?: DeviceType;
  form?: WeightFormat | 'auto';
  /** In tokens; 0 or absent: what the device and the model allow. */
  contextLength?: number;
  /** Address of `assets/engine.worker.js`, where a bundler has moved the library away from its assets. Same origin as the page. */
  workerUrl?: string;
}

export interface GenerateOptions extends Partial<Omit<GenerateRequest, 'messages' | 'sampling' | 'keep'>> {
  sampling?: Partial<Sampling>;
  signal?: AbortSignal;
}

const DEFAULT_MAX_TOKENS = 1024;
const KNOWN = 'phi-in-a-tab/known-models';

/** Makes an engine. Its worker starts with the first call. */
export const createEngine = (options: EngineOptions = {}): PhiEngine => new PhiEngine(options);

/** Every method rejects with a `PhiError`. Its `code` names the kind of failure. */
export class PhiEngine {
  readonly #options: EngineOptions;
  readonly #engine: Engine;
  #report: EngineReport | null = null;

  /** @internal */
  constructor(options: EngineOptions = {}, engine?: Engine) {
    this.#options = options;
    const { workerUrl } = options;
    this.#engine =
      engine ??
      (workerUrl === undefined
        ? new Engine()
        : new Engine(() => spawnEngineWorker(new URL(workerUrl, document.baseURI).href)));
    this.#engine.onDeath(() => (this.#report = null));
    this.#engine.onRecovery((step) => {
      if (step.kind === 'ready') this.#report = step.report;
      else if (step.kind === 'failed') this.#report = null;
    });
  }

  /** What runs, on what; null while nothing is loaded. */
  get report(): EngineReport | null {
    return this.#report;
  }

  async models(): Promise<StoredModel[]> {
    return (await this.#engine.storage()).models;
  }

  /** The stored model that `source` names; null where it would have to be fetched. Asks no server. */
  async find(source: ModelSource): Promise<StoredModel | null> {
    const models = await this.models();
    const id = idOf(source) ?? remembered()[keyOf(source)];
    return models.find((model) => model.id === id) ?? null;
  }

  /** Downloads the model where it is not stored, and resolves when all of it is. */
  async install(source: ModelSource, options: JobOptions = {}): Promise<StoredModel> {
    const found = await this.find(source);
    if (found) return found;
    const stored = await this.#install(source, options);
    remember(keyOf(source), stored.id);
    return stored;
  }

  async #install(source: ModelSource, options: JobOptions): Promise<StoredModel> {
    if ('stored' in source)
      throw new PhiError(
        'no-model',
        `"${source.stored}" is not stored in this browser. Name a source that it can be downloaded from.`,
        { model: source.stored },
      );
    if ('files' in source) return this.#engine.importFiles(source.files, options);
    return this.#engine.install(await this.#remote(source, options), options);
  }

  async #remote(
    source: Exclude<ModelSource, { stored: string } | { files: unknown }>,
    options: JobOptions,
  ): Promise<ModelManifest | HubModel | string> {
    if ('manifest' in source) {
      const { manifest } = source;
      return typeof manifest === 'string' ? new URL(manifest, document.baseURI).href : manifest;
    }
    if ('catalogue' in source) {
      const { VARIANTS, toHubModel } = await import('../models/catalogue/catalogue.ts');
      const variant = VARIANTS.find(({ id }) => id === source.catalogue);
      if (!variant)
        throw new PhiError('bad-request', `The catalogue has no "${source.catalogue}". docs/library.md lists its ids.`);
      return toHubModel(variant, source.hub === undefined ? {} : { baseUrl: source.hub });
    }
    const hub = source.hub ?? DEFAULT_HUB;
    const found = await this.#engine.inspect({ address: source.address, hub }, options);
    const [model] = found;
    if (!model || found.length > 1) {
      const names = found.map(({ name }) => name).join(', ');
      throw new PhiError(
        'bad-request',
        `There are ${found.length} models at ${source.address}: ${names}. Name one, as in "owner/name:Q4_K_M".`,
      );
    }
    if (model.error) throw PhiError.fromShape(model.error);
    return model.remote!;
  }

  /** Loads a model in place of the one that is loaded; downloads it first where it is not stored. */
  async load(source: ModelSource, options: JobOptions = {}): Promise<EngineReport> {
    const { id } = await this.install(source, options);
    if (this.#report?.model === id) return this.#report;
    this.#report = null;
    const { backend = 'auto', device, form, contextLength = 0 } = this.#options;
    this.#report = await this.#engine.load(
      { model: id, backend, contextLength, ...(device ? { device } : {}), ...(form ? { form } : {}) },
      options,
    );
    return this.#report;
  }

  async unload(): Promise<void> {
    this.#report = null;
    await this.#engine.unload();
  }

  /** Deletes a stored model. */
  remove(id: string): Promise<void> {
    return this.#engine.remove(id);
  }

  /**
   * Streams a reply; the last event is `end`. If a backend or a worker is lost, the reply goes on after an event
   * `notice` and loses no token. Replies take turns. Leaving the loop stops the reply.
   */
  generate(messages: ChatMessage[], options: GenerateOptions = {}): AsyncGenerator<GenerateUpdate, void, void> {
    const { sampling, signal, maxTokens = DEFAULT_MAX_TOKENS, ...rest } = options;
    const request = {
      ...rest,
      messages,
      maxTokens,
      sampling: { ...MODES.balanced, seed: randomSeed(), ...sampling },
      keep: undefined, // a guest could tell by the time what another page's chats begin with
    };
    return this.#engine.generate(request, signal);
  }

  /** Tokens of the prompt that these messages make; Infinity where the context does not hold it. */
  async measure(messages: ChatMessage[], tools: readonly ToolSpec[] = []): Promise<number> {
    if (messages.length === 0) return 0;
    const { tokens, dropped, over } = await this.#engine.fit({ messages, maxTokens: 1, tools });
    return dropped > 0 || over > 0 ? Infinity : tokens;
  }

  /** Listens to the steps of a recovery during a reply. Returns a function that unsubscribes. */
  onRecovery(listener: (step: Recovery) => void): () => void {
    return this.#engine.onRecovery(listener);
  }

  /**
   * Listens to the end of the worker, which unloads its model. The next `load` starts another worker. Returns a
   * function that unsubscribes.
   */
  onDeath(listener: (error: PhiError) => void): () => void {
    return this.#engine.onDeath(listener);
  }

  /** Ends the worker; its memory goes back to the system. What is stored stays. */
  dispose(): void {
    this.#report = null;
    this.#engine.terminate('the page disposed of the engine', 'cancelled');
  }
}

/** Where the source itself names it. */
function idOf(source: ModelSource): string | null {
  if ('stored' in source) return source.stored;
  if ('catalogue' in source) return source.catalogue;
  return 'manifest' in source && typeof source.manifest !== 'string' ? source.manifest.id : null;
}

function keyOf(source: ModelSource): string {
  if ('files' in source) return `files ${source.files.map(({ path, file }) => `${path} ${file.size}`).join(' ')}`;
  return JSON.stringify(source);
}

/** Which stored model came from which address, so that a page finds it again without a network. */
function remembered(): Record<string, string> {
  try {
    const known: unknown = JSON.parse(localStorage.getItem(KNOWN) ?? '{}');
    return typeof known === 'object' && known !== null ? (known as Record<string, string>) : {};
  } catch {
    return {}; // a page without storage: every visit asks the server
  }
}

function remember(key: string, id: string): void {
  try {
    localStorage.setItem(KNOWN, JSON.stringify({ ...remembered(), [key]: id }));
  } catch {
    // as above
  }
}
