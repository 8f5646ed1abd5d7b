/** The page of e2e/long/ort-quirks.test.ts: each question in a fresh worker, because some end ONNX Runtime for good. */
import { wrap } from 'comlink';
import type { Quirks } from './quirks.worker.ts';

declare global {
  interface Window {
    quirk: (name: keyof Quirks) => Promise<unknown>;
  }
}

window.quirk = async (name) => {
  const worker = new Worker(new URL('./quirks.worker.ts', import.meta.url), { type: 'module' });
  try {
    return await wrap<Quirks>(worker)[name]();
  } finally {
    worker.terminate();
  }
};
