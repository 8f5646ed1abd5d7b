/** The engine: one loaded model, its store, and the jobs that the page asks for. Exposed by engine.worker.ts. */
import { PhiError } from '../shared/errors.ts';
import { tellTextWork } from '../shared/text-work.ts';
import type { HubModel } from '../shared/hub.ts';
import type {
  Constraint,
  ContextFit,
  EngineApi,
  EngineReport,
  FitRequest,
  FoundModel,
  GenerateEvent,
  GenerateRequest,
  JobId,
  LoadOptions,
  LoadRequest,
  ModelManifest,
  Place,
  Progress,
  RestoreRequest,
  StorageReport,
  StoredModel,
} from '../shared/protocol.ts';
import { Pace } from '../shared/pace.ts';
import { span } from '../shared/span.ts';
import { blobSource, type ModelFiles } from '../store/bytes.ts';
import { contentHash } from '../store/forms.ts';
import type { ArrivingFiles } from '../store/arriving.ts';
import { ModelStore } from '../store/store.ts';
import { identify } from './checkpoint/identify.ts';
import { EarlyModel } from './early-model.ts';
import { ProbeMemory } from './choose/probe-memory.ts';
import { Keeper } from './kept/keeper.ts';
import { openHeader } from './model-header.ts';
import { openModel, type Model } from './model.ts';
import { storedEarlyCache, storedWeightCache } from './weight-cache.ts';

type OnProgress = (progress: Progress) => void;

const textWork = tellTextWork((message) => self.postMessage(message));

export class Engine implements EngineApi {
  readonly #store = new ModelStore();
  readonly #keeper = new Keeper(this.#store.caches, (work) => this.#inTurn(work));
  readonly #jobs = new Map<JobId, AbortController>();
  #model: Model | null = null;
  /** Of the model that was downloaded last, for its first load. */
  #early: { id: string; made: EarlyModel } | null = null;
  /** Loads, replies and unloads run one after another; a failed one does not keep the next from running. */
  #queue: Promise<unknown> = Promise.resolve();

  storage(): Promise<StorageReport> {
    return this.#store.report();
  }

  install(
    job: JobId,
    model: ModelManifest | HubModel | string,
    onProgress: OnProgress,
    next?: LoadOptions,
  ): Promise<StoredModel> {
    return this.#job(job, (signal) => span('download', () => this.#install(model, signal, onProgress, next)));
  }

  async #install(
    model: ModelManifest | HubModel | string,
    signal: AbortSignal,
    onProgress: OnProgress,
    next: LoadOptions | undefined,
  ): Promise<StoredModel> {
    this.#takeEarly()?.drop();
    const early: EarlyModel[] = [];
    // Beside a loaded model there may be no room for the weights of another.
    const onArriving =
      next && !this.#model
        ? (files: ArrivingFiles) =>
            void early.push(new EarlyModel(files, next, textWork, storedEarlyCache(this.#store, files)))
        : undefined;
    try {
      const stored = await this.#store.install(model, { signal, onProgress, onArriving });
      const [made] = early;
      if (made) this.#early = { id: stored.id, made };
      return stored;
    } catch (error) {
      early.forEach((one) => one.drop());
      throw error;
    }
  }

  /** What was made while `model` was downloaded, once; whatever else was made is dropped. */
  #takeEarly(model?: StoredModel): EarlyModel | undefined {
    const early = this.#early;
    this.#early = null;
    if (!early || (model?.id === early.id && early.made.isOf(model))) return early?.made;
    early.made.drop();
    return undefined;
  }

  importFiles(job: JobId, files: { path: string; file: Blob }[], onProgress: OnProgress): Promise<StoredModel> {
    return this.#job(job, async (signal) => {
      const [found, ...more] = await identify(sourcesOf(files));
      if (found?.error) throw PhiError.fromShape(found.error);
      // If there are several, the person chooses; see `inspect`.
      if (!found || more.length > 0)
        throw new PhiError(
          'bad-request',
          `There are ${more.length + 1} models among these files. Choose the files of one.`,
        );
      return this.#store.importFiles(files, {
        signal,
        onProgress,
        ...(found.what === null ? {} : { what: found.what }),
        ...found.label,
      });
    });
  }

  inspect(job: JobId, place: Place): Promise<FoundModel[]> {
    return this.#job(job, async (signal) => {
      if ('files' in place) return identify(sourcesOf(place.files));
      const remote = await this.#store.openAddress(place.address, place.hub, { signal });
      const { only } = place;
      const files = only ? new Map([...remote.files].filter(([path]) => only.includes(path))) : remote.files;
      const found = await identify(files, 0);
      // Opening a model downloads its headers and tokenizer, so only the chosen model or the only one is opened.
      const looked = found.length === 1 ? await identify(files) : found;
      const withRemote = async (model: FoundModel): Promise<FoundModel> => {
        const manifest = await remote.manifest(model.paths, model.root, model.what);
        // The repository's name says more than a folder in it.
        const label = model.label && looked.length === 1 ? { ...model.label, name: manifest.name } : model.label;
        return { ...model, ...(label && { label }), remote: manifest };
      };
      return Promise.all(looked.map(withRemote));
    });
  }

  exportFile(model: string, path: string): Promise<Blob> {
    return this.#store.exportFile(model, path);
  }

  removeForms(model: string): Promise<void> {
    return this.#store.removeForms(model);
  }

  verify(job: JobId, model: string, onProgress: OnProgress): Promise<{ damaged: { path: string; shard: number }[] }> {
    return this.#job(job, (signal) => this.#store.verify(model, { signal, onProgress }));
  }

  async remove(model: string): Promise<void> {
    if (this.#model?.report.model === model) await this.unload();
    await this.#store.remove(model);
  }

  load(job: JobId, request: LoadRequest, onProgress: OnProgress): Promise<EngineReport> {
    this.#keeper.giveWay();
    return this.#job(job, (signal) =>
      this.#inTurn(async () => {
        await this.#unload();
        const stored = await this.#needStored(request.model);
        try {
          return await span('load', () => this.#load(stored, request, signal, onProgress));
        } catch (error) {
          if (!(error instanceof PhiError) || error.code !== 'integrity') throw error;
          // The store has dropped what was damaged: fetch just that, and try once more.
          await this.#store.install(stored, { signal, onProgress });
          return this.#load(stored, request, signal, onProgress);
        }
      }),
    );
  }

  async #load(
    stored: StoredModel,
    request: LoadRequest,
    signal: AbortSignal,
    onProgress: OnProgress,
  ): Promise<EngineReport> {
    const weightCache = storedWeightCache(this.#store, stored, (format, kept) => {
      // Weights that could not be kept are made again at the next load.
      kept.catch((error: unknown) => {
        this.#model?.report.rejected.push({
          what: `Keeping the ${format} weights for the next visit`,
          why: PhiError.from(error).message,
        });
      });
    });
    const earlyModel = this.#takeEarly(stored);
    signal.addEventListener('abort', () => earlyModel?.drop(), { once: true });
    this.#model = await openModel(
      await this.#store.openStored(stored.id),
      {
        ...request,
        model: stored.id,
        name: stored.name,
        contentKey: `${stored.id}@${stored.storedAt}`,
        fallback: 'next-worker',
        warmUp: true,
        calibrate: true,
        weightCache,
        earlyModel,
        mayKeep: (bytes) => this.#store.mayKeepForm(bytes),
        signal,
      },
      {
        onPrepare: prepareProgress(onProgress),
        onTry: (what) => onProgress({ phase: 'compile', what }),
        onWarmUp: () => onProgress({ phase: 'warm-up' }),
        textWork,
      },
    );
    const { report } = this.#model;
    this.#keeper.begin(this.#model, await contentHash(stored), (cause) => {
      // The chat is read again instead.
      report.rejected.push({ what: 'Keeping or restoring what was read of a chat', why: PhiError.from(cause).message });
    });
    return report;
  }

  makeWeights(job: JobId, model: string, onProgress: OnProgress): Promise<boolean> {
    return this.#job(job, async (signal) => {
      const stored = await this.#needStored(model);
      let kept = Promise.resolve(true);
      const weightCache = storedWeightCache(this.#store, stored, (_, keeping) => {
        kept = keeping;
      });
      const { checkpoint } = await openHeader(await this.#store.openStored(stored.id)); // with reads ahead, as a load has them
      const { makeCompensated } = await import('./choose/calibrate.ts');
      await makeCompensated(checkpoint, weightCache, prepareProgress(onProgress), signal);
      return kept;
    });
  }

  unload(): Promise<void> {
    this.#keeper.giveWay();
    return this.#inTurn(() => this.#unload());
  }

  async #unload(): Promise<void> {
    const model = this.#model;
    this.#model = null;
    this.#keeper.end();
    await model?.dispose();
  }

  report(): Promise<EngineReport | null> {
    return Promise.resolve(this.#model?.report ?? null);
  }

  generate(job: JobId, request: GenerateRequest, onEvent: (event: GenerateEvent) => void): Promise<void> {
    this.#keeper.giveWay(request.keep);
    return this.#job(job, (signal) =>
      this.#inTurn(async () => {
        this.#keeper.answering(request);
        try {
          await this.#need().reply(request, signal, onEvent, this.#keeper.caches);
        } catch (error) {
          onEvent({ type: 'error', error: PhiError.from(error).toShape() });
        }
        this.#keeper.answered();
      }),
    );
  }

  async fit(request: FitRequest): Promise<ContextFit> {
    await Promise.resolve();
    return this.#need().fit(request);
  }

  async checkForm(constraint: Constraint): Promise<void> {
    const { checkConstraint } = await import('./constraint/constraint.ts');
    checkConstraint(constraint);
  }

  abort(job: JobId): Promise<void> {
    this.#jobs.get(job)?.abort();
    return Promise.resolve();
  }

  restoreCache(request: RestoreRequest): Promise<void> {
    return this.#keeper.restore(request);
  }

  keepCachesOf(chats: string[]): Promise<void> {
    return this.#keeper.keepOnly(new Set(chats));
  }

  async forgetProbes(): Promise<void> {
    await (await ProbeMemory.open(false)).forgetAll();
  }

  async #needStored(model: string): Promise<StoredModel> {
    const stored = await this.#store.find(model);
    if (stored) return stored;
    throw new PhiError('no-model', `${model} is not stored in this browser. Download it first.`, { model });
  }

  #need(): Model {
    if (!this.#model) throw new PhiError('no-model', 'No model is loaded. Load one first.');
    return this.#model;
  }

  async #job<T>(job: JobId, run: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const controller = new AbortController();
    this.#jobs.set(job, controller);
    try {
      return await run(controller.signal);
    } finally {
      this.#jobs.delete(job);
    }
  }

  #inTurn<T>(run: () => Promise<T>): Promise<T> {
    const turn = this.#queue.then(run, run);
    this.#queue = turn.catch(() => undefined); // the caller has the rejection
    return turn;
  }
}

/** Weights made so far, with the time that the rest will take. */
function prepareProgress(onProgress: OnProgress): (done: number, total: number) => void {
  const pace = new Pace();
  return (done, total) =>
    onProgress({ phase: 'prepare', done, total, secondsLeft: pace.secondsLeft(done, total), what: 'weights' });
}

function sourcesOf(files: { path: string; file: Blob }[]): ModelFiles {
  return new Map(files.map(({ path, file }) => [path, blobSource(path, file)]));
}
