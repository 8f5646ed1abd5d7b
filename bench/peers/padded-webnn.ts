/**
 * WebNN in the way of the published demos (webnn-developer-preview's text generation): a prefill graph as wide as the context and a decode
 * graph, both with the whole cache in and out, logits of all positions read back, the best one found in JavaScript, every turn computed anew.
 */
import { proxy, wrap } from 'comlink';
import type { PaddedApi, PaddedSetup } from './padded-webnn.worker.ts';
import { Stopwatch, type Peer, type PeerOptions, type Prompt, type Reply } from './peer.ts';

export class PaddedWebnnPeer implements Peer {
  readonly #worker = new Worker(new URL('./padded-webnn.worker.ts', import.meta.url), { type: 'module' });
  readonly #api = wrap<PaddedApi>(this.#worker);
  readonly #setup: PaddedSetup;
  #ran: { graphs: number; devices: string[] } | null = null;

  constructor({ backend, threads, contextLength, settings }: PeerOptions) {
    if (backend !== 'webnn') throw new Error('padded-webnn runs on WebNN only.');
    this.#setup = {
      modelUrl: new URL('starter.gguf', location.href).href,
      threads,
      length: contextLength,
      deviceType: 'cpu',
      attention: 'plain',
      ...settings,
    };
  }

  describe(): string {
    const { length, deviceType, attention } = this.#setup;
    const ran = this.#ran
      ? `, ${this.#ran.graphs} graphs on ${this.#ran.devices.join(', ') || 'an unnamed device'}`
      : '';
    return `float32 weights, prefill padded to ${length}, ${attention === 'gqa' ? 'GroupQueryAttention' : 'attention in plain operators'}, asked for ${deviceType}${ran}`;
  }

  /** The demos keep the file; the load is not compared. */
  install(): Promise<void> {
    return Promise.resolve();
  }

  async load(): Promise<void> {
    this.#ran = await this.#api.load(this.#setup);
  }

  async reply(prompt: Prompt, maxTokens: number): Promise<Reply> {
    const ids = prompt.ids.length > 0 ? prompt.ids : await this.#api.encode(prompt.text);
    const watch = new Stopwatch();
    const text = await this.#api.generate(
      ids,
      maxTokens,
      proxy((tokens: number) => watch.arrived(tokens)),
    );
    return watch.reply(text, ids.length);
  }

  close(): Promise<void> {
    this.#worker.terminate();
    return Promise.resolve();
  }
}
