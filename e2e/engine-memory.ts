/** Memory of the page and of its engine worker, garbage collected first: JavaScript heaps through the DevTools protocol, WebAssembly by wrapping its constructor. */
import type { CDPSession, Page } from 'playwright-core';

type Watched = typeof globalThis & { wasmMemories: WebAssembly.Memory[] };

/** Runs in the worker before its own code. */
function watch(): void {
  const memories: WebAssembly.Memory[] = ((globalThis as Watched).wasmMemories = []);
  const Original = WebAssembly.Memory;
  WebAssembly.Memory = new Proxy(Original, {
    construct(target, args: [WebAssembly.MemoryDescriptor]) {
      const memory = new target(...args);
      memories.push(memory);
      return memory;
    },
  });
}

export interface EngineMemory {
  /** Bytes of live JavaScript objects and array buffers in the page. */
  page: number;
  /** The same of the engine worker. */
  worker: number;
  /** Bytes of the worker's WebAssembly memories. */
  wasm: number;
}

/** To be called before the page is opened. */
export async function watchEngineMemory(page: Page): Promise<() => Promise<EngineMemory>> {
  await page.route(/engine\.worker.*\.js/, async (route) => {
    const response = await route.fetch();
    await route.fulfill({ response, body: `(${watch.toString()})();\n${await response.text()}` });
  });
  const client = await page.context().newCDPSession(page);
  let workerSession: string | null = null;
  client.on('Target.attachedToTarget', ({ sessionId, targetInfo }) => {
    if (targetInfo.url.includes('engine.worker')) workerSession = sessionId;
  });
  await client.send('Target.setAutoAttach', { autoAttach: true, waitForDebuggerOnStart: false, flatten: false });
  return async () => {
    if (workerSession === null) throw new Error('The page has no engine worker.');
    const worker = page.workers().find((one) => one.url().includes('engine.worker'))!;
    const wasm = await worker.evaluate(() => (globalThis as Watched).wasmMemories.reduce((sum, { buffer }) => sum + buffer.byteLength, 0));
    return { page: await pageHeap(client), worker: await workerHeap(client, workerSession), wasm };
  };
}

interface HeapUsage {
  usedSize: number;
  backingStorageSize?: number;
}
const bytes = ({ usedSize, backingStorageSize = 0 }: HeapUsage): number => usedSize + backingStorageSize;

async function pageHeap(client: CDPSession): Promise<number> {
  await client.send('HeapProfiler.collectGarbage');
  return bytes(await client.send('Runtime.getHeapUsage'));
}

/** Messages to a worker travel inside those to its page. */
async function workerHeap(client: CDPSession, sessionId: string): Promise<number> {
  let id = 0;
  const call = (method: string): Promise<unknown> =>
    new Promise((resolve, reject) => {
      const mine = ++id;
      const listen = (event: { sessionId: string; message: string }): void => {
        const answer = JSON.parse(event.message) as { id?: number; result?: unknown; error?: { message: string } };
        if (event.sessionId !== sessionId || answer.id !== mine) return;
        client.off('Target.receivedMessageFromTarget', listen);
        if (answer.error) reject(new Error(answer.error.message));
        else resolve(answer.result);
      };
      client.on('Target.receivedMessageFromTarget', listen);
      client.send('Target.sendMessageToTarget', { sessionId, message: JSON.stringify({ id: mine, method }) }).catch(reject);
    });
  await call('HeapProfiler.collectGarbage');
  return bytes((await call('Runtime.getHeapUsage')) as HeapUsage);
}
