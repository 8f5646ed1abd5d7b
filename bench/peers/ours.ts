/** This project's engine, by the handle that the page has. */
import { GREEDY } from '../../workers/engine/generate/greedy.ts';
import { Engine } from '../../src/engine/engine.ts';
import type { EngineReport, GenerateRequest, LoadRequest, Sampling } from '../../workers/shared/protocol.ts';
import { Stopwatch, type Peer, type PeerOptions, type Prompt, type Reply } from './peer.ts';

const MANIFEST_URL = new URL('models/smollm2-135m-instruct-q4_1/manifest.json', location.href).href;
/** A made form has been kept when it has stopped growing for so long; a backend that keeps none is given up on. */
const KEEP_PAUSE_MS = 3_000;
const KEEP_LIMIT_MS = 30_000;
/** Shares nothing with a prompt but the first tokens of the template, so that the kept cache is of no use to it. */
const OTHER: GenerateRequest = {
  messages: [
    { role: 'system', content: '0' },
    { role: 'user', content: '0' },
  ],
  sampling: GREEDY,
  maxTokens: 1,
};

export class OurPeer implements Peer {
  readonly #engine = new Engine();
  readonly #request: Omit<LoadRequest, 'model'>;
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
    const passed = rejected.map(({ what, why }) => `${what} passed over: ${why}`);
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
    if (!reuse) await this.#run(OTHER);
    return this.#run({ messages: prompt.messages, sampling: this.#sampling, maxTokens, drafts });
  }

  async #run(request: GenerateRequest): Promise<Reply> {
    const watch = new Stopwatch();
    const enough = new AbortController();
    let text = '';
    for await (const event of this.#engine.generate(request, enough.signal)) {
      if (event.type === 'text') {
        text += event.text;
        if (event.tokens > 0) watch.arrived(event.tokens);
        if (watch.overtime) enough.abort();
      } else if (event.type === 'end') {
        const { promptTokens, prefilledTokens, generatedTokens } = event.stats;
        return {
          text,
          promptTokens,
          prefilledTokens,
          tokens: generatedTokens,
          ttftMs: watch.ttftMs,
          decodeTokensPerSecond: watch.decodeTokensPerSecond,
        };
      }
    }
    throw new Error('The reply did not end.');
  }

  async close(): Promise<void> {
    await this.#engine.unload();
    this.#engine.terminate();
  }
}
