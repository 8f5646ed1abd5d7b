/** The few globals of a web worker that the engine uses and Node lacks. */
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Endpoint } from 'comlink';
import { ORIGIN } from './origin.ts';

interface Dawn {
  create: (options: string[]) => GPU;
  globals: Record<string, unknown>;
}

/** A message between a test and its GPU process. */
export interface Envelope {
  to: 'witness' | 'worker';
  data: unknown;
}

/** Dawn asks whether its device is done as often as Node lets it for so long, and then once in a millisecond. */
const SPIN_MS = 1;

/**
 * Slows Dawn's polling down. Dawn 0.6.2 for Node asks by `setImmediate` for as long as anything is awaited, and so keeps a core busy on which lavapipe
 * would compute: half of the time of a small model.
 */
function pollGently(): void {
  const immediately = globalThis.setImmediate as (callback: () => void) => unknown;
  let polling = false;
  let began = 0;
  const gently = (callback: (...args: unknown[]) => void, ...args: unknown[]): unknown => {
    if (!polling) began = performance.now();
    const poll = () => {
      polling = true; // what it asks for meanwhile is the next poll of the same wait
      try {
        callback(...args);
      } finally {
        polling = false;
      }
    };
    return performance.now() - began < SPIN_MS ? immediately(poll) : setTimeout(poll);
  };
  globalThis.setImmediate = gently as typeof setImmediate;
}

/** `navigator.gpu` and the classes of WebGPU, from `dawn.node` in the folder `dawn`. */
export function installGpu(dawn: string): void {
  pollGently();
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
  const { href, pathname } = pathToFileURL(`${process.cwd()}/`);
  Object.assign(globalThis, { self: globalThis, location: { href, pathname, origin: ORIGIN }, ...endpoint });
}
