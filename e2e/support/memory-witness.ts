/** How much memory page, workers and processes take: WebAssembly by wrapping its constructor, heaps by asking each isolate, processes by asking the system. */
import type { CDPSession, Page } from 'playwright';
import { ENGINE, inject } from './inject.ts';
import { processBytes, processTree } from '../../scripts/cli/browser/processes.ts';

type Wrapped = typeof globalThis & { memories: WebAssembly.Memory[] };

/** Runs in the worker. */
function wrap(): void {
  const scope = globalThis as Wrapped;
  scope.memories = [];
  const Original = WebAssembly.Memory;
  WebAssembly.Memory = class extends Original {
    constructor(descriptor: WebAssembly.MemoryDescriptor) {
      super(descriptor);
      scope.memories.push(this);
    }
  };
}

/** Wraps the API in every worker whose script `url` matches and that `page` starts from now on. */
export const watchMemory = (page: Page, url: RegExp): Promise<void> => inject(page, url, wrap, null);

/** In the worker: bytes of WebAssembly memory. */
const WASM_BYTES = '(self.memories ?? []).reduce((sum, { buffer }) => sum + buffer.byteLength, 0)';

interface WorkerEvent {
  sessionId: string;
  method?: string;
  params?: { chunk?: string };
}

interface HeapSnapshot {
  snapshot: { meta: { node_fields: string[] } };
  nodes: number[];
  strings: string[];
}

function countArrays({ snapshot, nodes, strings }: HeapSnapshot): number {
  const { node_fields: fields } = snapshot.meta;
  const name = fields.indexOf('name');
  const kinds = new Set(
    strings.flatMap((text, i) => (/^(?:Big)?(?:Int|Uint|Float)\d+(?:Clamped)?Array$/.test(text) ? [i] : [])),
  );
  let count = 0;
  for (let at = 0; at < nodes.length; at += fields.length) if (kinds.has(nodes[at + name]!)) count++;
  return count;
}

interface HeapUsage {
  usedSize: number;
  /** Bytes of ArrayBuffers. */
  backingStorageSize?: number;
}
const heapBytes = ({ usedSize, backingStorageSize = 0 }: HeapUsage): number => usedSize + backingStorageSize;

/** Runs of the DevTools protocol with the page's workers: messages to a worker travel inside those to its page. */
class WorkerTargets {
  readonly cdp: CDPSession;
  /** Sessions of the workers that live, and their scripts. */
  readonly sessions = new Map<string, string>();
  readonly #waiting = new Map<number, { sessionId: string; settle: (answer: unknown) => void }>();
  #hear: ((event: WorkerEvent) => void) | null = null;
  #ids = 0;

  private constructor(cdp: CDPSession) {
    this.cdp = cdp;
    cdp.on('Target.attachedToTarget', ({ sessionId, targetInfo }) => {
      if (targetInfo.type === 'worker') this.sessions.set(sessionId, targetInfo.url);
    });
    cdp.on('Target.detachedFromTarget', ({ sessionId }) => {
      this.sessions.delete(sessionId);
      for (const asked of this.#waiting.values()) if (asked.sessionId === sessionId) asked.settle(null);
    });
    cdp.on('Target.receivedMessageFromTarget', ({ sessionId, message }) => {
      const { id, result, ...event } = JSON.parse(message) as { id?: number; result?: unknown } & Omit<
        WorkerEvent,
        'sessionId'
      >;
      if (id === undefined) this.#hear?.({ sessionId, ...event });
      else this.#waiting.get(id)?.settle(result ?? null);
    });
  }

  /** To be called before the workers start. */
  static async attach(page: Page): Promise<WorkerTargets> {
    const cdp = await page.context().newCDPSession(page);
    const targets = new WorkerTargets(cdp);
    await cdp.send('Target.setAutoAttach', { autoAttach: true, waitForDebuggerOnStart: false, flatten: false });
    return targets;
  }

  /** null: the worker has ended. */
  async #ask(sessionId: string, method: string, params: object = {}): Promise<unknown> {
    const id = ++this.#ids;
    const answer = new Promise((settle) => this.#waiting.set(id, { sessionId, settle }));
    this.cdp
      .send('Target.sendMessageToTarget', { sessionId, message: JSON.stringify({ id, method, params }) })
      .catch(() => this.#waiting.get(id)?.settle(null));
    try {
      return await answer;
    } finally {
      this.#waiting.delete(id);
    }
  }

  /** Bytes of heap and array buffers, and of WebAssembly memory; of a worker that has ended, none. */
  async memoryOf(sessionId: string): Promise<{ heap: number; wasm: number }> {
    const [usage, memory] = await Promise.all([
      this.#ask(sessionId, 'Runtime.getHeapUsage') as Promise<HeapUsage | null>,
      this.#ask(sessionId, 'Runtime.evaluate', { expression: WASM_BYTES }) as Promise<{
        result?: { value?: number };
      } | null>,
    ]);
    return { heap: usage ? heapBytes(usage) : 0, wasm: memory?.result?.value ?? 0 };
  }

  /** Live typed arrays of a worker: what tensors in JavaScript consist of. From a heap snapshot, because queryObjects crashes the renderer when a worker is asked. */
  async arraysOf(sessionId: string): Promise<number> {
    const chunks: string[] = [];
    this.#hear = ({ sessionId: from, method, params }) => {
      if (from === sessionId && method === 'HeapProfiler.addHeapSnapshotChunk') chunks.push(params!.chunk!);
    };
    await this.#ask(sessionId, 'HeapProfiler.takeHeapSnapshot');
    this.#hear = null;
    return countArrays(JSON.parse(chunks.join('')) as HeapSnapshot);
  }

  async collectGarbage(sessionId: string): Promise<void> {
    await this.#ask(sessionId, 'HeapProfiler.collectGarbage');
  }
}

export interface MemoryPeak {
  /** Largest sum of heap, array buffers and WebAssembly memory at one moment, and its parts. */
  bytes: number;
  heap: number;
  wasm: number;
  samples: number;
}

const PAUSE_MS = 30;

/** Samples the memory of the page's workers until `stop`, which resolves with the peak. */
export async function sampleMemory(page: Page): Promise<{ stop(): Promise<MemoryPeak> }> {
  const targets = await WorkerTargets.attach(page);
  const peak: MemoryPeak = { bytes: 0, heap: 0, wasm: 0, samples: 0 };
  let stopped = false;
  const end = new Promise<null>((resolve) => targets.cdp.on('close', () => resolve(null)));
  const sampling = (async () => {
    while (!stopped) {
      let heap = 0;
      let wasm = 0;
      for (const worker of targets.sessions.keys()) {
        const memory = await Promise.race([targets.memoryOf(worker), end]);
        heap += memory?.heap ?? 0;
        wasm += memory?.wasm ?? 0;
      }
      if (wasm > 0) peak.samples++;
      if (heap + wasm > peak.bytes) Object.assign(peak, { bytes: heap + wasm, heap, wasm });
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
  })();
  return {
    async stop() {
      stopped = true;
      await Promise.race([sampling, new Promise((resolve) => setTimeout(resolve, 1_000))]); // a worker that ended in between answers no more
      await targets.cdp.detach();
      return peak;
    },
  };
}

export interface EngineMemory {
  /** Bytes of live JavaScript objects and array buffers in the page. */
  page: number;
  /** The same of the engine worker. */
  worker: number;
  /** Bytes of the worker's WebAssembly memories. */
  wasm: number;
  /** Live typed arrays in the worker: tensors consist of them. */
  arrays: number;
}

/** To be called before the page is opened; what it gives measures, garbage collected first. */
export async function watchEngineMemory(page: Page): Promise<() => Promise<EngineMemory>> {
  await watchMemory(page, ENGINE);
  const targets = await WorkerTargets.attach(page);
  return async () => {
    const engine = [...targets.sessions].findLast(([, url]) => ENGINE.test(url))?.[0]; // one that was ended may be listed for a while
    if (engine === undefined) throw new Error('The page has no engine worker.');
    await targets.collectGarbage(engine);
    const { heap, wasm } = await targets.memoryOf(engine);
    const arrays = await targets.arraysOf(engine);
    await targets.cdp.send('HeapProfiler.collectGarbage');
    return { page: heapBytes(await targets.cdp.send('Runtime.getHeapUsage')), worker: heap, wasm, arrays };
  };
}

/** Peak resident bytes of this process's browser's processes by kind ("gpu-process", "renderer"), the largest of each. Linux only: null elsewhere. */
export async function processPeaks(): Promise<Map<string, number> | null> {
  if (process.platform !== 'linux') return null;
  const peaks = new Map<string, number>();
  for (const one of await processTree(({ pid }) => pid === process.pid)) {
    const kind = /--type=([\w-]+)/.exec(one.command)?.[1];
    if (kind) peaks.set(kind, Math.max(peaks.get(kind) ?? 0, await processBytes(one, 'status', 'VmHWM')));
  }
  return peaks;
}
