/**
 * Entry of the worker that chats with servers a person chose. It computes nothing and knows no model. Its policy (headers.ts) lets it reach loopback
 * addresses and the servers allowed for chats; nothing else in the app reaches those. Keys are kept only in its memory.
 */
import { expose } from 'comlink';
import { installErrorTransfer } from './shared/comlink-errors.ts';
import { PhiError } from './shared/errors.ts';
import { parseServerAddress } from './shared/server-address.ts';
import type { ChatServerApi } from './shared/server-protocol.ts';
import { holdWorkerLock } from './shared/worker-thread.ts';
import { converse, listModels } from './server/converse.ts';

const LIST_MS = 20_000;

const keys = new Map<string, string>();
const jobs = new Map<string, AbortController>();

/** A key goes only to the origin that it was entered for, and never over an unencrypted network. */
function keyFor(address: string): string | undefined {
  const { origin, mayHaveKey } = parseServerAddress(address);
  return mayHaveKey ? keys.get(origin) : undefined;
}

/** Some servers repeat a wrong key in their refusal, which is shown and stored with the chat. */
async function withoutKey<T>(key: string | undefined, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (cause) {
    const { code, message, detail } = PhiError.from(cause, 'network');
    throw new PhiError(code, key ? message.replaceAll(key, '…') : message, detail);
  }
}

const api: ChatServerApi = {
  setKey(address, key) {
    const { origin, mayHaveKey } = parseServerAddress(address);
    if (key !== '' && !mayHaveKey)
      throw new PhiError(
        'bad-request',
        `${origin}: keys are sent only over https or to this machine. Use an https address.`,
      );
    if (key === '') keys.delete(origin);
    else keys.set(origin, key);
    return Promise.resolve();
  },
  models(given) {
    const { address } = parseServerAddress(given);
    const key = keyFor(address);
    return withoutKey(key, listModels(address, { key, signal: AbortSignal.timeout(LIST_MS) }));
  },
  async reply(job, server, request, onEvent) {
    const controller = new AbortController();
    jobs.set(job, controller);
    try {
      const key = keyFor(server.address);
      await withoutKey(key, converse(server, request, onEvent, { key, signal: controller.signal }));
    } finally {
      jobs.delete(job);
    }
  },
  abort(job) {
    jobs.get(job)?.abort();
    return Promise.resolve();
  },
};

holdWorkerLock();
installErrorTransfer();
expose(api);
