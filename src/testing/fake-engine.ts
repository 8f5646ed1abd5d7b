/**
 * A scripted engine behind the same protocol as the worker: it exposes an `EngineApi` over a message port, so that the page runs its
 * real `Engine`. Only development and test builds reach this file (see src/main.ts).
 */
import { expose } from 'comlink';
import { installErrorTransfer } from '../../workers/shared/comlink-errors.ts';
import { PhiError } from '../../workers/shared/errors.ts';
import type {
  ChatMessage,
  Constraint,
  ContextFit,
  EngineApi,
  EngineReport,
  FitRequest,
  FoundModel,
  GenerateEvent,
  GenerateRequest,
  KeptCaches,
  LoadRequest,
  ModelManifest,
  Place,
  Progress,
  StoredModel,
  ToolCall,
} from '../../workers/shared/protocol.ts';
import { isHubModel, type HubModel } from '../../workers/shared/hub.ts';
import { fitMessages } from '../../workers/shared/context-fit.ts';
import type { EngineThread } from '../engine/engine-thread.ts';
import { GROWING, HOSTILE, JSON_ANSWER, LONG, REASONED, SHORT, SHOWCASE, UNANSWERED } from './fake-replies.ts';

/** The switches of `?fake=first,slow`. */
export interface FakeScript {
  /** Nothing is stored yet. */
  first?: boolean;
  /** Two models are stored. */
  two?: boolean;
  /** Downloads, loads and replies take long. */
  slow?: boolean;
  /** Replies fail half-way. */
  error?: boolean;
  /** The worker dies half-way through a reply, once. */
  die?: boolean;
  /** It dies again whenever the reply continues. */
  'keep-dying'?: boolean;
  /** It runs on WebGPU, whose device is lost half-way through a reply. */
  lose?: boolean;
  /** It runs on an NPU, and the model has the measures of Phi-4-mini. */
  npu?: boolean;
  /** On it 4-bit weights would be faster, once they are made. */
  unmade?: boolean;
  /** The browser refuses to store the model. */
  quota?: boolean;
  /** The load fails. */
  'load-error'?: boolean;
  /** The first candidate that is tried does not work. */
  'fail-first'?: boolean;
  /** Aborts are ignored: only terminating helps. */
  deaf?: boolean;
  /** Its chat template never ends. */
  'hang-template'?: boolean;
  /** A context of 128 tokens. */
  short?: boolean;
  /** No waiting at all, for unit tests. */
  instant?: boolean;
}

export function parseFakeScript(flags: string): FakeScript {
  return Object.fromEntries(flags.split(',').map((flag) => [flag, true]));
}

/** Data that survives a restart of the fake, as models in IndexedDB survive a restart of the real engine. */
export interface FakeDisk {
  models: StoredModel[];
  caches?: KeptCaches;
  /** Weights of 4 bits have been made. */
  made?: boolean;
}

export const FAKE_MANIFEST: ModelManifest = {
  format: 1,
  id: 'smollm2-135m-instruct-q4_1',
  name: 'SmolLM2 135M Instruct (Q4_1)',
  licence: { spdx: 'Apache-2.0', url: 'https://www.apache.org/licenses/LICENSE-2.0' },
  source: { name: 'a fake for tests', url: 'https://example.org/' },
  bytes: 98_362_432,
  files: [],
};

export const FAKE_MODEL: StoredModel = { ...FAKE_MANIFEST, storedAt: Date.UTC(2026, 10, 2), formBytes: 135_000_000 };

export const SECOND_FAKE: StoredModel = {
  ...FAKE_MODEL,
  id: 'phi-4-mini-q4',
  name: 'Phi-4-mini (Q4_K_M)',
  bytes: 2_490_000_000,
};

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

/** A model of a hub keeps its name and known sizes; anything else is the starter. */
function fakeStored(model: ModelManifest | HubModel | string): StoredModel {
  if (typeof model !== 'object') return FAKE_MODEL;
  if (!isHubModel(model)) return { ...FAKE_MODEL, ...model };
  const { id, name, licence, base, repo, files } = model;
  const bytes = files.reduce((sum, file) => sum + (file.bytes ?? 0), 0);
  return { ...FAKE_MODEL, id, name, licence, source: { name: repo, url: `${base}/${repo}` }, bytes, formBytes: 0 };
}

/** "calculate 2+2" calls the calculator, once or (with "again") as long as it may. */
function fakeCall({ tools = [], mayCall, messages }: GenerateRequest): ToolCall | null {
  const prompt = messages.findLast(({ role }) => role === 'user')?.content ?? '';
  const [, again, expression] = /^calculate (again )?(.+)$/.exec(prompt) ?? [];
  const called = (messages.at(-1)?.rounds?.length ?? 0) > 0;
  if (!expression || !tools.some(({ name }) => name === 'calculator') || mayCall === false || (called && !again))
    return null;
  return { name: 'calculator', arguments: { expression } };
}

function pickReply(request: GenerateRequest): string {
  const results = request.messages
    .at(-1)
    ?.rounds?.at(-1)
    ?.calls.map(({ result }) => result);
  if (results) return `The tool says ${results.join(' and ')}.`;
  if (request.constraint) return JSON_ANSWER;
  const prompt = request.messages.at(-1)?.content.toLowerCase() ?? '';
  if (request.continueLast) return ' And so it goes on to its end.';
  if (prompt.includes('growing')) return GROWING;
  if (prompt.includes('hostile')) return HOSTILE;
  if (prompt.includes('long')) return LONG;
  if (prompt.includes('reason')) return REASONED;
  if (prompt.includes('ponder')) return UNANSWERED;
  if (prompt.includes('tour')) return SHOWCASE;
  return SHORT;
}

function countFakeTokens(messages: ChatMessage[]): number {
  return messages.reduce((sum, message) => sum + 4 + Math.ceil(message.content.length / 4), 3);
}

const NPU_REPORT: Partial<EngineReport> = {
  candidate: 'WebNN (NPU), int8',
  backend: 'webnn',
  device: 'WebNN on NPU',
  form: 'int8',
  shape: {
    layers: 32,
    hidden: 3072,
    heads: 24,
    kvHeads: 8,
    headDim: 128,
    intermediate: 8192,
    vocab: 200_064,
    context: 131_072,
  },
};

function fakeReport(request: LoadRequest, slots: number, gpu: boolean): EngineReport {
  return {
    model: request.model,
    name: FAKE_MANIFEST.name,
    candidate: gpu ? 'WebGPU, int4' : 'WASM, int8',
    backend: gpu ? 'webgpu' : 'wasm',
    asked: { backend: request.backend, device: request.device ?? null },
    device: gpu ? 'WebGPU on a fake' : 'CPU, 2 threads',
    form: gpu ? 'int4' : 'int8',
    shape: {
      layers: 30,
      hidden: 576,
      heads: 9,
      kvHeads: 3,
      headDim: 64,
      intermediate: 1536,
      vocab: 49_152,
      context: 8192,
    },
    graphs: 1,
    nodesOnWasm: 0,
    contextLength: request.contextLength || slots,
    modelContext: 8192,
    bytesHeld: 141_000_000,
    loadMs: 1840,
    prepareMs: 620,
    compileMs: 410,
    warmUpMs: 230,
    threads: request.threads ?? 2,
    selfTest: { nll: 3.12, limit: 6.47 },
    runMs: 800,
    rejected: [
      ...(request.avoid ?? []).map(({ candidate, why }) => ({ what: candidate, why })),
      { what: 'WebNN, NPU', why: 'navigator.ml is absent: this browser has no WebNN, or it is behind a flag.' },
      { what: 'WebGPU', why: 'requestAdapter() gave null.' },
    ],
  };
}
