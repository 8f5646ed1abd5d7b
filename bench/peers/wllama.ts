/** llama.cpp in WebAssembly: the same GGUF, kept in the origin's private file system by its own cache. */
import { Wllama, type LoadModelParams, type RawCompletionChunk } from '@wllama/wllama';
import wasmUrl from '@wllama/wllama/esm/wasm/wllama.wasm?url';
import { Stopwatch, type Peer, type PeerOptions, type Prompt, type Reply } from './peer.ts';

const MODEL_URL = new URL('starter.gguf', location.href).href;
const silent = { debug: () => undefined, log: () => undefined, warn: console.warn, error: console.error };

export class WllamaPeer implements Peer {
  readonly #wllama = new Wllama({ default: wasmUrl }, { suppressNativeLog: true, logger: silent });
  readonly #params: LoadModelParams;

  constructor({ backend, threads, contextLength, settings }: PeerOptions) {
    this.#params = {
      n_ctx: contextLength,
      n_threads: threads,
      n_gpu_layers: backend === 'webgpu' ? 99_999 : 0,
      // One conversation: more slots would only cost memory.
      n_parallel: 1,
      // Best of five, on 2 cores: 21 tok/s at 40 tokens and 15.7 at 1,500, where the f16 default has 19 and less than 12 (flash
      // attention off) or 7 (float32 with it), because WASM has no f16 arithmetic. Batches of 64 to 512 differ by 3 %.
      flash_attn: true,
      cache_type_k: 'q8_0',
      cache_type_v: 'q8_0',
      n_batch: 512,
      n_ubatch: 512,
      ...settings,
    };
  }

  describe(): string {
    const { n_threads, n_ctx, ...rest } = this.#params;
    const used = this.#wllama.isModelLoaded() ? this.#wllama.getNumThreads() : n_threads;
    const settings = Object.entries(rest).map(([key, value]) => `${key} ${JSON.stringify(value)}`);
    return [`llama.cpp ${Wllama.getLibllamaVersion()}`, `${used} threads`, `n_ctx ${n_ctx}`, ...settings].join(', ');
  }

  async install(): Promise<void> {
    await this.#wllama.modelManager.getModelOrDownload({ url: MODEL_URL });
  }

  async load(): Promise<void> {
    await this.#wllama.loadModelFromUrl(MODEL_URL, { ...this.#params, useCache: true });
  }

  async reply(prompt: Prompt, maxTokens: number, reuse: boolean): Promise<Reply> {
    const watch = new Stopwatch();
    let text = '';
    let tokens = 0;
    let timings: RawCompletionChunk['timings'];
    // `cache_prompt` is a parameter of llama.cpp's server that wllama passes through but does not declare.
    const request = { prompt: prompt.text, max_tokens: maxTokens, temp: 0, top_k: 1, cache_prompt: reuse };
    await this.#wllama.createCompletion({
      ...request,
      stream: true,
      onData: (chunk) => {
        text += chunk.choices[0]?.text ?? '';
        timings = chunk.timings ?? timings;
        if (!chunk.choices[0]?.finish_reason) watch.arrived(++tokens);
      },
    });
    return {
      text,
      promptTokens: timings ? timings.cache_n + timings.prompt_n : prompt.ids.length,
      prefilledTokens: timings?.prompt_n ?? null,
      tokens,
      ttftMs: watch.ttftMs,
      decodeTokensPerSecond: watch.decodeTokensPerSecond,
    };
  }

  async close(): Promise<void> {
    await this.#wllama.exit();
  }
}
