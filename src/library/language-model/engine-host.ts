/** A model of the engine as the one that stands behind `LanguageModel`. */
import type { ChatMessage, GenerateRequest, ToolRound } from '../../../workers/shared/protocol.ts';
import { answerWithTools } from '../../tools/rounds.ts';
import { specOf, type Tool } from '../../tools/tool.ts';
import type { ModelSource, PhiEngine } from '../engine.ts';
import type { HostReply, HostRequest, LanguageModelHost } from './host.ts';
import type { Availability } from './types.ts';

export class EngineHost implements LanguageModelHost {
  readonly takesTools = true;
  readonly #engine: PhiEngine;
  readonly #source: ModelSource;
  /** Downloads and loads once, whoever asks meanwhile. */
  #loading: Promise<{ contextLength: number }> | null = null;
  readonly #listeners = new Set<(fraction: number) => void>();
  #downloading = false;

  constructor(engine: PhiEngine, source: ModelSource) {
    this.#engine = engine;
    this.#source = source;
  }

  async availability(): Promise<Availability> {
    if (typeof WebAssembly !== 'object' || typeof indexedDB === 'undefined') return 'unavailable';
    if (this.#downloading) return 'downloading';
    if (await this.#engine.find(this.#source)) return 'available';
    return 'stored' in this.#source ? 'unavailable' : 'downloadable';
  }

  /** The download goes on for others where `signal` ends the wait of one. */
  async ready(onDownload: (fraction: number) => void): Promise<{ contextLength: number }> {
    this.#listeners.add(onDownload);
    this.#loading ??= this.#load().finally(() => {
      this.#loading = null;
      this.#downloading = false;
    });
    try {
      return await this.#loading;
    } finally {
      this.#listeners.delete(onDownload);
    }
  }

  async #load(): Promise<{ contextLength: number }> {
    const { contextLength } = await this.#engine.load(this.#source, {
      onProgress: (progress) => {
        this.#downloading = progress.phase === 'download' || progress.phase === 'import';
        if (progress.phase !== 'download' && progress.phase !== 'import') return;
        const fraction = progress.bytesTotal > 0 ? progress.bytesDone / progress.bytesTotal : 0;
        for (const listener of this.#listeners) listener(Math.min(1, fraction));
      },
    });
    return { contextLength };
  }

  async measure(messages: ChatMessage[], tools: readonly Tool[] = []): Promise<number> {
    return this.#engine.measure(messages, tools.map(specOf));
  }

  async *reply(request: HostRequest, signal: AbortSignal): AsyncGenerator<string, HostReply, void> {
    const { messages, sampling, maxTokens, prefix, constraint, tools = [] } = request;
    const asked = { messages, sampling, maxTokens, continueLast: prefix, ...(constraint ? { constraint } : {}) };
    // A worker that has ended since took the model with it.
    if (this.#engine.report === null) await this.ready(() => undefined);
    const generate = ({ messages: sent, ...rest }: GenerateRequest) => this.#engine.generate(sent, { ...rest, signal });
    const events =
      tools.length > 0
        ? answerWithTools(generate, asked, tools, { signal })
        : this.#engine.generate(messages, { ...asked, signal });
    const rounds: ToolRound[] = [];
    let contextTokens = 0;
    let answer = '';
    for await (const event of events) {
      if (event.type === 'text') {
        answer += event.text;
        yield event.text;
      }
      if (event.type === 'round') {
        rounds.push(event.round);
        answer = '';
      }
      if (event.type === 'end') contextTokens = event.stats.contextTokens;
    }
    return { contextTokens, ...(rounds.length > 0 && { called: { rounds, answer } }) };
  }
}
