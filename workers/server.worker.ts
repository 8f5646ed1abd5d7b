/**
 * Entry of the worker that times a server on this machine (compare page). It computes nothing and knows no model: its policy (headers.ts) lets
 * it reach loopback addresses and no other thing in the app may.
 */
import { expose } from 'comlink';
import { installErrorTransfer } from './shared/comlink-errors.ts';
import type { NativeApi } from './shared/compare-protocol.ts';
import { timeStream } from './shared/stopwatch.ts';
import { holdWorkerLock } from './shared/worker-thread.ts';
import { chat } from './server/chat.ts';

const api: NativeApi = {
  reply: (server, prompt, tokens, onPiece) =>
    timeStream(
      prompt.tokens,
      () => chat(server, prompt, tokens),
      (done, text) => onPiece({ tokens: done, text }),
    ),
};

holdWorkerLock();
installErrorTransfer();
expose(api);
