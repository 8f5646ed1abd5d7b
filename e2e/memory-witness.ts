/** How much memory a load takes: of the evaluation worker by wrapping WebAssembly.Memory and asking its isolate, of processes by asking the system. */
import { readdir, readFile } from 'node:fs/promises';
import type { CDPSession, Page } from 'playwright-core';
import { EVALUATION, inject } from './inject.ts';

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

/** Wraps the API in every evaluation worker that `page` starts from now on. */
export const watchMemory = (page: Page): Promise<void> => inject(page, EVALUATION, wrap, null);

/** In the worker: bytes of WebAssembly memory. */
const WASM_BYTES = '(self.memories ?? []).reduce((sum, { buffer }) => sum + buffer.byteLength, 0)';

/** Answers to Runtime.getHeapUsage and Runtime.evaluate. */
interface Answer {
  usedSize?: number;
  /** Of ArrayBuffers. */
  backingStorageSize?: number;
  result?: { value?: number };
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
  const cdp: CDPSession = await page.context().newCDPSession(page);
  const workers = new Set<string>();
  const waiting = new Map<number, (answer: Answer | null) => void>();
  cdp.on('Target.attachedToTarget', ({ sessionId, targetInfo }) => {
    if (targetInfo.type === 'worker') workers.add(sessionId);
  });
  cdp.on('Target.detachedFromTarget', ({ sessionId }) => workers.delete(sessionId));
  cdp.on('Target.receivedMessageFromTarget', ({ message }) => {
    const { id, result } = JSON.parse(message) as { id?: number; result?: Answer };
    if (id !== undefined) waiting.get(id)?.(result ?? null);
  });
  await cdp.send('Target.setAutoAttach', { autoAttach: true, waitForDebuggerOnStart: false, flatten: false });
  let ids = 0;
  const askOne = (sessionId: string, method: string, params: object): Promise<Answer | null> => {
    const id = ++ids;
    const answer = new Promise<Answer | null>((resolve) => waiting.set(id, resolve));
    const message = JSON.stringify({ id, method, params });
    cdp.send('Target.sendMessageToTarget', { sessionId, message }).catch(() => waiting.get(id)?.(null)); // the worker has ended
    return answer;
  };
  const peak: MemoryPeak = { bytes: 0, heap: 0, wasm: 0, samples: 0 };
  let stopped = false;
  const end = new Promise<null>((resolve) => cdp.on('close', () => resolve(null)));
  const sampling = (async () => {
    while (!stopped) {
      let heap = 0;
      let wasm = 0;
      for (const worker of workers) {
        const both = Promise.all([askOne(worker, 'Runtime.getHeapUsage', {}), askOne(worker, 'Runtime.evaluate', { expression: WASM_BYTES })]);
        const [usage, memory] = (await Promise.race([both, end])) ?? [];
        heap += (usage?.usedSize ?? 0) + (usage?.backingStorageSize ?? 0);
        wasm += memory?.result?.value ?? 0;
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
      await cdp.detach();
      return peak;
    },
  };
}

/** Peak resident bytes of this process's browser's processes by kind ("gpu-process", "renderer"), the largest of each. Linux only: null elsewhere. */
export async function processPeaks(): Promise<Map<string, number> | null> {
  if (process.platform !== 'linux') return null;
  const parents = new Map<number, number>();
  for (const name of await readdir('/proc')) {
    const stat = /^\d+$/.test(name) ? await readFile(`/proc/${name}/stat`, 'utf8').catch(() => null) : null;
    if (stat) parents.set(Number(name), Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]));
  }
  const isOurs = (pid: number): boolean => pid === process.pid || (parents.has(pid) && isOurs(parents.get(pid)!));
  const peaks = new Map<string, number>();
  for (const pid of parents.keys()) {
    if (!isOurs(pid)) continue;
    const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
    const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
    const kind = /--type=([\w-]+)/.exec(command)?.[1];
    const kilobytes = Number(/^VmHWM:\s+(\d+) kB/m.exec(status)?.[1] ?? 0);
    if (kind) peaks.set(kind, Math.max(peaks.get(kind) ?? 0, 1024 * kilobytes));
  }
  return peaks;
}
