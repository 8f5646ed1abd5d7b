/** Entry of a helper of the decoder's steps. It sleeps in WebAssembly, not in the event loop: its owner ends it. */
import { holdWorkerLock } from './shared/worker-thread.ts';
import { stepKernels } from './engine/wasm/step/kernels.ts';
import { CONTROL, CONTROL_WORDS } from './engine/wasm/step/plan.ts';
import { StepThread } from './engine/wasm/step/run.ts';
import { READY, type HelperSetup } from './engine/wasm/step/protocol.ts';

/** Looks for work before it sleeps: some 50 us, in which a token is chosen. */
const LOOKS = 50_000;

holdWorkerLock();
self.addEventListener('message', ({ data }: MessageEvent<HelperSetup>) => {
  const { module, arena, weights, plan, index } = data;
  const kernels = stepKernels(module, arena, weights);
  const thread = new StepThread(kernels, plan, index, new Int32Array(arena.buffer, 0, CONTROL_WORDS));
  self.postMessage(READY);
  for (let seen = 0; ;) {
    seen = kernels.awaitWork(CONTROL.work * Int32Array.BYTES_PER_ELEMENT, seen, LOOKS);
    thread.work(seen);
  }
});
