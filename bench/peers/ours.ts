/** This project's engine, by the handle that the page has. */
import { GREEDY } from '../../workers/shared/greedy.ts';
import { Engine } from '../../src/engine/engine.ts';
import type { EngineReport, GenerateRequest, LoadOptions, Sampling } from '../../workers/shared/protocol.ts';
import type { Peer, PeerOptions, Prompt, Reply } from './peer.ts';
import { OTHER_PROMPT, ReplyReader } from './reply-reader.ts';

const MANIFEST_URL = new URL('models/smollm2-135m-instruct-q4_1/manifest.json', location.href).href;
/** A made form has been kept when it has stopped growing for so long; a backend that keeps none is given up on. */
const KEEP_PAUSE_MS = 3_000;
const KEEP_LIMIT_MS = 30_000;
export class OurPeer implements Peer {
  readonly #engine = new Engine();
  readonly #request: LoadOptions;
  #model: string | null = null;
  #report: EngineReport | null = null;

  readonly #sampling: Sampling;

  constructor({ backend, threads, contextLength, temperature, settings }: PeerOptions) {
    this.#sampling = { ...GREEDY, temperature };
    this.#request = { backend, threads, contextLength, ...settings };
  }

  describe(): string {
    if (!this.#report) return 'not loaded';
    const { device, form, contextLength, graphs, nodesOnWasm, loadMs, prepareMs, compileMs, warmUpMs, rejected } =
      this.#report;
    const phases = `load ${Math.round(loadMs)} ms, of it weights ${Math.round(prepareMs)}, session ${Math.round(compileMs)}, warm-up ${Math.round(warmUpMs)}`;
    const passed = rejected.map(({ what, why }) => `${what} not used: ${why}`);
    return [
      device,
      `weights ${form}`,
      `${contextLength} KV slots`,
      `${graphs} graphs`,
      `${nodesOnWasm} nodes on WASM`,
      phases,
      ...passed,
    ].join(', ');
  }

  /** Loads once too: what is made from the weights is made once and kept, after the load and without anybody waiting for it. */
  async install(): Promise<void> {
    await this.#engine.install(MANIFEST_URL);
    await this.load();
    const kept = async () => (await this.#engine.storage()).models[0]?.formBytes ?? 0;
    const end = performance.now() + KEEP_LIMIT_MS;
    for (let before = -1, now = await kept(); performance.now() < end && (now === 0 || now !== before);) {
      await new Promise((resolve) => setTimeout(resolve, KEEP_PAUSE_MS));
      [before, now] = [now, await kept()];
    }
  }

  async load(): Promise<void> {
    this.#model ??= (await this.#engine.storage()).models[0]?.id ?? null;
    if (this.#model === null) throw new Error('The starter is not in the store.');
    this.#report = await this.#engine.load({ model: this.#model, ...this.#request });
  }

  async reply(prompt: Prompt, maxTokens: number, reuse: boolean, drafts = false): Promise<Reply> {
    if (!reuse) await this.#run(OTHER_PROMPT);
    return this.#run({ messages: prompt.messages, sampling: this.#sampling, maxTokens, drafts });
  }

  async #run(request: GenerateRequest): Promise<Reply> {
    const reader = new ReplyReader();
    for await (const event of this.#engine.generate(request, reader.signal)) reader.hear(event);
    return reader.reply();
  }

  async close(): Promise<void> {
    await this.#engine.unload();
    this.#engine.terminate();
  }
}
