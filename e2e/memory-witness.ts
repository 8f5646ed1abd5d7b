/** How much memory a load takes: of the evaluation worker by wrapping WebAssembly.Memory and asking its isolate, of processes by asking the system. */
import { readdir, readFile } from 'node:fs/promises';
import type { CDPSession, Page } from 'playwright-core';
import { EVALUATION, evaluationWorker, inject } from './inject.ts';

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

/** Bytes of WebAssembly memory, which never shrinks: what it is now is its peak. */
export const wasmBytes = (page: Page): Promise<number> =>
  evaluationWorker(page).evaluate(() => (globalThis as Wrapped).memories.reduce((sum, { buffer }) => sum + buffer.byteLength, 0));

interface HeapUsage {
  usedSize: number;
  /** Of ArrayBuffers. */
  backingStorageSize?: number;
}

const PAUSE_MS = 30;

/** Samples the JavaScript heap and the array buffers of the page's workers until `stop`, which resolves with the largest sum in bytes. */
export async function watchHeap(page: Page): Promise<{ stop(): Promise<{ peak: number; samples: number }> }> {
  const cdp: CDPSession = await page.context().newCDPSession(page);
  const workers = new Set<string>();
  const waiting = new Map<number, (usage: HeapUsage | null) => void>();
  cdp.on('Target.attachedToTarget', ({ sessionId, targetInfo }) => {
    if (targetInfo.type === 'worker') workers.add(sessionId);
  });
  cdp.on('Target.detachedFromTarget', ({ sessionId }) => workers.delete(sessionId));
  cdp.on('Target.receivedMessageFromTarget', ({ message }) => {
    const { id, result } = JSON.parse(message) as { id?: number; result?: HeapUsage };
    if (id !== undefined) waiting.get(id)?.(result ?? null);
  });
  await cdp.send('Target.setAutoAttach', { autoAttach: true, waitForDebuggerOnStart: false, flatten: false });
  let ids = 0;
  const usageOf = (sessionId: string): Promise<HeapUsage | null> => {
    const id = ++ids;
    const answer = new Promise<HeapUsage | null>((resolve) => waiting.set(id, resolve));
    const message = JSON.stringify({ id, method: 'Runtime.getHeapUsage' });
    cdp.send('Target.sendMessageToTarget', { sessionId, message }).catch(() => waiting.get(id)?.(null)); // the worker has ended
    return answer;
  };
  let peak = 0;
  let samples = 0;
  let stopped = false;
  const end = new Promise<null>((resolve) => cdp.on('close', () => resolve(null)));
  const sampling = (async () => {
    while (!stopped) {
      const usages = await Promise.all([...workers].map((worker) => Promise.race([usageOf(worker), end])));
      const bytes = usages.reduce((sum, usage) => sum + (usage ? usage.usedSize + (usage.backingStorageSize ?? 0) : 0), 0);
      if (bytes > 0) samples++;
      peak = Math.max(peak, bytes);
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
  })();
  return {
    async stop() {
      stopped = true;
      await Promise.race([sampling, new Promise((resolve) => setTimeout(resolve, 1_000))]); // a worker that ended in between answers no more
      await cdp.detach();
      return { peak, samples };
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
