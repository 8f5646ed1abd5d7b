/**
 * No engine but a bound: one MLGraph of nothing but the model's matrix products for one token, float32 weights as constants. A decoded token
 * cannot take less; what it takes more is attention, norms, the choice of the token and crossing.
 */
import { proxy, wrap } from 'comlink';
import type { MatmulsApi } from './matmuls-webnn.worker.ts';
import { Stopwatch, type Peer, type PeerOptions, type Prompt, type Reply } from './peer.ts';

export class MatmulsWebnnPeer implements Peer {
  readonly #worker = new Worker(new URL('./matmuls-webnn.worker.ts', import.meta.url), { type: 'module' });
  readonly #api = wrap<MatmulsApi>(this.#worker);
  #devices: string[] = [];

  constructor({ backend }: PeerOptions) {
    if (backend !== 'webnn') throw new Error('matmuls-webnn runs on WebNN only.');
  }

  describe(): string {
    return `matrix products alone, float32 constants, one token wide, one graph on ${this.#devices.join(', ') || 'an unnamed device'}`;
  }

  install(): Promise<void> {
    return Promise.resolve();
  }

  async load(): Promise<void> {
    this.#devices = await this.#api.load(new URL('starter.gguf', location.href).href);
  }

  /** As many runs as tokens, one after another as in decoding. */
  async reply(prompt: Prompt, maxTokens: number): Promise<Reply> {
    const watch = new Stopwatch();
    await this.#api.run(
      maxTokens,
      proxy((runs: number) => watch.arrived(runs)),
    );
    return watch.reply('', prompt.ids.length);
  }

  close(): Promise<void> {
    this.#worker.terminate();
    return Promise.resolve();
  }
}
