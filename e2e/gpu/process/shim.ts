/** The few globals of a web worker that the engine uses and Node lacks. */
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Endpoint } from 'comlink';

interface Dawn {
  create: (options: string[]) => GPU;
  globals: Record<string, unknown>;
}

/** A message between a test and its GPU process. */
export interface Envelope {
  to: 'witness' | 'worker';
  data: unknown;
}

/** `navigator.gpu` and the classes of WebGPU, from `dawn.node` in the folder `dawn`. */
export function installGpu(dawn: string): void {
  const { create, globals } = createRequire(import.meta.url)(join(dawn, 'dawn.node')) as Dawn;
  Object.assign(globalThis, globals);
  Object.defineProperty(navigator, 'gpu', { value: create([]), configurable: true });
}

/** One of the two conversations that Node's channel to the parent carries. */
export function channel(to: Envelope['to']): Endpoint {
  const target = new EventTarget();
  process.on('message', (envelope: Envelope) => {
    if (envelope.to === to) target.dispatchEvent(new MessageEvent('message', { data: envelope.data }));
  });
  return {
    addEventListener: target.addEventListener.bind(target),
    removeEventListener: target.removeEventListener.bind(target),
    postMessage: (data: unknown) => process.send!({ to, data } satisfies Envelope),
  };
}

/** `self`, its address and its messages. */
export function installWorker(endpoint: Endpoint): void {
  // Without `origin`: ONNX Runtime would take "null", that of a file, for an address.
  const { href, pathname } = pathToFileURL(`${process.cwd()}/`);
  Object.assign(globalThis, { self: globalThis, location: { href, pathname }, ...endpoint });
}
