/** In the GPU process: the page's handle on the engine, with engine workers in this very thread, so that a reply can lose its backend. */
import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { expose } from 'comlink';
import { Engine } from '../../../src/engine/engine.ts';
import type { EngineThread } from '../../../src/engine/engine-thread.ts';
import type { GenerateUpdate } from '../../../src/engine/types.ts';
import { draftAlways, watchSteps, type SequenceStep } from '../../../workers/engine/generate/testing/sequence-steps.ts';
import type { EngineReport, GenerateRequest, LoadOptions, RestoreRequest } from '../../../workers/shared/protocol.ts';
import { wrapGpu, type WithGpuLog } from '../../support/gpu-log.ts';
import { channel } from './shim.ts';

/** Room for what the engine keeps; without an answer it keeps nothing. */
const ROOM = { usage: 0, quota: 1e9 };
Object.defineProperty(navigator, 'storage', { value: { estimate: () => Promise.resolve(ROOM) }, configurable: true });

const log = () => (globalThis as WithGpuLog).gpuLog;

let engines = 0;

/** A fresh engine, which takes `self` for its channel to the page. */
function startEngine(): EngineThread {
  const { port1, port2 } = new MessageChannel();
  Object.assign(globalThis, {
    addEventListener: port1.addEventListener.bind(port1),
    removeEventListener: port1.removeEventListener.bind(port1),
    postMessage: port1.postMessage.bind(port1),
  });
  const entry = new URL(`../../../workers/engine.worker.ts?${++engines}`, import.meta.url).href;
  const died = import(entry).then(
    () => new Promise<string>(() => port1.start()), // it never dies
    (error: unknown) => String(error),
  );
  return { endpoint: port2, died, terminate: () => port1.close() };
}

const engine = new Engine(startEngine);

/** Steps that have ended: "check failed". */
const steps: string[] = [];
let loss: { step: SequenceStep; call: number } | null = null;

const app = {
  /** Watches steps from now on; drafts are made wherever a text allows one. */
  watch(): void {
    wrapGpu(null);
    draftAlways();
    watchSteps({
      begin: (step) => {
        if (loss?.step !== step) return;
        log().untilLoss = loss.call;
        loss = null;
      },
      end: (step, outcome) => void steps.push(`${step} ${outcome}`),
    });
  },
  /** The device is lost at this call of its queue in the next `step`. */
  loseDuring(step: SequenceStep, call: number): void {
    loss = { step, call };
  },
  /** The device is lost now. */
  loseDevice(): void {
    log().devices.at(-1)!.destroy();
  },
  /** Steps since the last call, as they ended. */
  takeSteps: (): string[] => steps.splice(0),
  restoreCache: (request: RestoreRequest): Promise<void> => engine.restoreCache(request),
  /** Conversations whose cache is kept. */
  keptCaches: async (): Promise<number> => (await engine.storage()).caches.chats,
  report: (): Promise<EngineReport | null> => engine.report(),
  /** `path`: of a model that is one file. */
  async open(path: string, request: LoadOptions): Promise<EngineReport> {
    const file = new Blob([await readFile(path)]); // one with a file behind it does not cross to another thread
    const { id } = await engine.importFiles([{ path: basename(path), file }]);
    return engine.load({ ...request, model: id });
  },
  /** Everything that the page would get, in order. */
  async generate(request: GenerateRequest): Promise<GenerateUpdate[]> {
    const updates: GenerateUpdate[] = [];
    for await (const update of engine.generate(request)) updates.push(update);
    return updates;
  },
};

export type App = typeof app;
expose(app, channel('worker'));
