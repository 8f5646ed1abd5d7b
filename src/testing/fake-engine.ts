/**
 * A scripted engine behind the same protocol as the worker: it exposes an `EngineApi` over a message port, so that the page runs its
 * real `Engine`. Only development and test builds reach this file (see src/main.ts).
 */
import { expose } from 'comlink';
import { installErrorTransfer } from '../../workers/shared/comlink-errors.ts';
import { PhiError } from '../../workers/shared/errors.ts';
import type {
  Constraint,
  ContextFit,
  EngineApi,
  EngineReport,
  FitRequest,
  FoundModel,
  GenerateEvent,
  GenerateRequest,
  LoadRequest,
  ModelManifest,
  Place,
  Progress,
} from '../../workers/shared/protocol.ts';
import type { HubModel } from '../../workers/shared/hub.ts';
import { fitMessages } from '../../workers/shared/context-fit.ts';
import type { EngineThread } from '../engine/engine-thread.ts';
import { countFakeTokens, fakeCall, pickReply } from './fake-answers.ts';
import { FAKE_MANIFEST, FAKE_MODEL, fakeReport, fakeStored, NPU_REPORT } from './fake-models.ts';
import { GROWING } from './fake-replies.ts';
import type { FakeDisk, FakeScript } from './fake-script.ts';

/** A thread that runs the script; each call is a new life with nothing loaded. */
export function fakeThread(script: FakeScript, disk: FakeDisk): EngineThread {
  installErrorTransfer();
  const { port1, port2 } = new MessageChannel();
  let die: (why: string) => void;
  const died = new Promise<string>((resolve) => (die = resolve));
  const engine = new FakeEngine(
    script,
    disk,
    () => die('the script told it to'),
    (message) => port2.postMessage(message),
  );
  expose(engine, port2);
  port1.start();
  return {
    endpoint: port1,
    terminate() {
      engine.terminated = true;
      port1.close();
      port2.close();
    },
    died,
  };
}

class FakeEngine implements EngineApi {
  terminated = false;
  readonly #script: FakeScript;
  readonly #disk: FakeDisk;
  readonly #die: () => void;
  readonly #post: (message: object) => void;
  readonly #aborted = new Set<string>();
  #report: EngineReport | null = null;
  #held = 0;

  constructor(script: FakeScript, disk: FakeDisk, die: () => void, post: (message: object) => void) {
    this.#script = script;
    this.#disk = disk;
    this.#die = die;
    this.#post = post;
  }

  async storage() {
    await this.#wait(20);
    return {
      persisted: false,
      usage: this.#disk.models.reduce((sum, model) => sum + model.bytes, 0),
      quota: 6e9,
      models: this.#disk.models,
      partial: [],
      forms: [],
      caches: this.#disk.caches ?? { chats: 0, bytes: 0 },
    };
  }

  async install(job: string, model: ModelManifest | HubModel | string, onProgress: (progress: Progress) => void) {
    const stored = fakeStored(model);
    const bytesTotal = stored.bytes;
    const steps = this.#script.slow ? 200 : 10;
    for (let i = 0; i <= steps; i++) {
      this.#checkAbort(job);
      const bytesPerSecond = 11.4e6;
      onProgress({
        phase: 'download',
        bytesDone: (bytesTotal * i) / steps,
        bytesTotal,
        bytesPerSecond,
        secondsLeft: (bytesTotal * (1 - i / steps)) / bytesPerSecond,
      });
      await this.#wait(60);
      if (this.#script.quota && i * 2 > steps)
        throw new PhiError(
          'quota',
          'The browser refused to store more: 41 MB are missing. What was downloaded is kept.',
          { missing: 41e6 },
        );
    }
    this.#disk.models = [...this.#disk.models.filter(({ id }) => id !== stored.id), stored];
    return stored;
  }

  async importFiles(_job: string, files: { path: string; file: Blob }[]) {
    const [found] = await this.inspect('', { files });
    const stored = {
      ...FAKE_MODEL,
      id: 'brought',
      name: found!.name,
      what: found!.what!,
      source: { name: 'from this disk', url: '' },
      bytes: found!.bytes,
    };
    this.#disk.models = [...this.#disk.models.filter(({ id }) => id !== stored.id), stored];
    return stored;
  }

  /** Everything that ends in .gguf is a model, and what is named phi-2 the wrong one; a repository has two. */
  async inspect(_job: string, place: Place): Promise<FoundModel[]> {
    await this.#wait(50);
    const paths =
      'files' in place ? place.files.map(({ path }) => path) : (place.only ?? ['a-Q4_K_M.gguf', 'a-Q8_0.gguf']);
    const models = paths.filter((path) => path.endsWith('.gguf'));
    if (models.length === 0) throw new PhiError('unsupported-model', `No model was recognised in ${paths.join(', ')}.`);
    const opened = models.length === 1 || 'files' in place;
    return models.map((path) => {
      const wrong = path.includes('phi-2');
      const error = wrong
        ? { code: 'unsupported-model' as const, message: `${path}: this is Phi-1, Phi-1.5 or Phi-2 ("phi2").` }
        : null;
      const root = path.slice(0, path.lastIndexOf('/') + 1);
      const what = opened && !wrong ? 'GGUF, Q4_K, Phi-4-mini' : null;
      return {
        format: 'gguf',
        name: path,
        root,
        paths: [path],
        bytes: 2.5e9,
        what,
        error,
        remote: { ...FAKE_MANIFEST, id: path, name: path },
      };
    });
  }

  exportFile(_model: string, path: string) {
    return Promise.resolve(new Blob([path]));
  }

  removeForms(model: string) {
    this.#disk.models = this.#disk.models.map((stored) => (stored.id === model ? { ...stored, formBytes: 0 } : stored));
    return Promise.resolve();
  }

  async verify(_job: string, _model: string, onProgress: (progress: Progress) => void) {
    for (let i = 0; i <= 6; i++) {
      onProgress({ phase: 'verify', bytesDone: (FAKE_MANIFEST.bytes * i) / 6, bytesTotal: FAKE_MANIFEST.bytes });
      await this.#wait(100);
    }
    return { damaged: [] };
  }

  remove(model: string) {
    this.#disk.models = this.#disk.models.filter((stored) => stored.id !== model);
    return Promise.resolve();
  }

  async load(job: string, request: LoadRequest, onProgress: (progress: Progress) => void) {
    for (let done = 0; done <= 30; done += 3) {
      this.#checkAbort(job);
      onProgress({ phase: 'prepare', done, total: 30, secondsLeft: (30 - done) / 10, what: 'weights' });
      await this.#wait(this.#script.slow ? 300 : 30);
    }
    if (this.#script['load-error'])
      throw new PhiError(
        'out-of-memory',
        'The model needs 540 MB and the tab could not get it. Close other tabs, or choose a smaller model.',
      );
    onProgress({ phase: 'compile', what: 'WASM, int8' });
    if (this.#script['fail-first'] && !request.avoid?.length)
      throw new PhiError('backend', 'The first candidate fails.', { candidate: 'WASM, int8' });
    await this.#wait(150);
    onProgress({ phase: 'warm-up' });
    await this.#wait(150);
    const lost = request.avoid?.some(({ candidate }) => candidate.startsWith('WebGPU')) ?? false;
    this.#report = fakeReport(request, this.#script.short ? 128 : 8192, this.#script.lose === true && !lost);
    if (this.#script.npu) Object.assign(this.#report, NPU_REPORT);
    if (this.#script.unmade)
      Object.assign(
        this.#report,
        this.#disk.made ? { form: 'int4-columns' } : { faster: { form: 'int4-columns', times: 1.6 } },
      );
    const stored = this.#disk.models.find(({ id }) => id === request.model);
    if (stored) this.#report.name = stored.name;
    return this.#report;
  }

  async makeWeights(job: string, _model: string, onProgress: (progress: Progress) => void) {
    const steps = 60;
    for (let done = 0; done <= steps; done++) {
      this.#checkAbort(job);
      onProgress({ phase: 'prepare', done, total: steps, secondsLeft: (steps - done) * 3, what: 'weights' });
      await this.#wait(this.#script.slow ? 1000 : 20);
    }
    this.#disk.made = !this.#script.quota;
    return this.#disk.made;
  }

  unload() {
    this.#report = null;
    return Promise.resolve();
  }

  report() {
    return Promise.resolve(this.#report);
  }

  async generate(job: string, request: GenerateRequest, onEvent: (event: GenerateEvent) => void) {
    if (!this.#report) throw new PhiError('no-model', 'No model is loaded.');
    const started = performance.now();
    const fit = await this.fit(request);
    if (fit.over > 0)
      return onEvent({
        type: 'error',
        error: { code: 'context-full', message: `The last message needs ${fit.tokens} tokens.` },
      });
    onEvent({ type: 'context', fit });
    const promptTokens = fit.tokens;
    for (let done = 0; done <= 2; done++) {
      onEvent({ type: 'prefill', done: (promptTokens * done) / 2, total: promptTokens });
      await this.#wait(this.#script.slow ? 800 : 40);
    }
    const first = performance.now() - started;
    const call = fakeCall(request);
    const reply = call ? '' : pickReply(request);
    const pieces = reply.match(reply === GROWING ? /[^]{1,80}/g : /\s*\S+/g) ?? [];
    let tokens = request.resume?.length ?? 0;
    let cancelled = false;
    for (const text of pieces.slice(tokens)) {
      if (this.#aborted.has(job) && !this.#script.deaf) cancelled = true;
      if (cancelled || tokens >= request.maxTokens) break;
      if (tokens === 8 && this.#script.error)
        return onEvent({
          type: 'error',
          error: { code: 'device-lost', message: 'The GPU went away in the middle of the reply.' },
        });
      const dies = this.#script['keep-dying'] ?? (this.#script.die && !request.resume?.length);
      if (tokens === 8 && dies) this.#die();
      if (tokens === 8 && this.#report.backend === 'webgpu')
        return onEvent({
          type: 'error',
          error: { code: 'device-lost', message: 'WebGPU: the GPU device was lost (test).' },
        });
      if (this.terminated) return;
      tokens++;
      onEvent({ type: 'text', text, tokens, ids: [tokens] });
      await this.#wait(this.#script.slow ? 120 : 12);
    }
    const seconds = (performance.now() - started - first) / 1000;
    const stats = {
      promptTokens,
      prefilledTokens: Math.max(1, promptTokens - this.#held),
      generatedTokens: tokens,
      contextTokens: promptTokens + tokens,
      timeToFirstTokenMs: first,
      prefillTokensPerSecond: (promptTokens / first) * 1000,
      decodeTokensPerSecond: tokens / seconds,
    };
    this.#held = stats.contextTokens;
    if (call && !cancelled) onEvent({ type: 'calls', calls: [call] });
    onEvent({ type: 'end', reason: cancelled ? 'cancelled' : tokens < pieces.length ? 'max-tokens' : 'end', stats });
  }

  fit(request: FitRequest): Promise<ContextFit> {
    if (this.#script['hang-template']) {
      this.#post({ textWork: 'chat template', characters: 100 });
      return new Promise(() => undefined);
    }
    const limit = this.#slots - 1;
    const last = countFakeTokens(request.messages.slice(-1));
    if (last > limit) return Promise.resolve({ tokens: last, dropped: 0, over: last - limit });
    const room = Math.min(request.maxTokens, this.#slots >> 2);
    const { tokens, dropped } = fitMessages(request.messages, countFakeTokens, limit, {
      room,
      droppedBefore: request.droppedBefore,
    });
    return Promise.resolve({ tokens, dropped: dropped.length, over: 0 });
  }

  get #slots(): number {
    return this.#report?.contextLength ?? 8192;
  }

  /** Without a compiler: what is called wrong is refused. */
  checkForm(constraint: Constraint): Promise<void> {
    return JSON.stringify(constraint).includes('uniqueItems')
      ? Promise.reject(new PhiError('bad-request', 'The form of the answer cannot be enforced: "uniqueItems" at #.'))
      : Promise.resolve();
  }

  restoreCache() {
    return Promise.resolve();
  }

  keepCachesOf(chats: string[]) {
    if (chats.length === 0) this.#disk.caches = undefined;
    return Promise.resolve();
  }

  forgetProbes() {
    return Promise.resolve();
  }

  abort(job: string) {
    this.#aborted.add(job);
    return Promise.resolve();
  }

  #checkAbort(job: string): void {
    if (this.#aborted.has(job) && !this.#script.deaf) throw new PhiError('cancelled', 'Cancelled.');
  }

  #wait(ms: number): Promise<void> {
    return new Promise((resolve) => setTimeout(resolve, this.#script.instant ? 0 : ms));
  }
}
