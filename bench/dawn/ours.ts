/** This project's engine without its page: the model from the server, no store. */
import { openModel, type Model } from '../../workers/engine/model.ts';
import { GREEDY } from '../../workers/shared/greedy.ts';
import type { GenerateRequest } from '../../workers/shared/protocol.ts';
import { blobSource } from '../../workers/store/bytes.ts';
import type { Peer, PeerOptions, Prompt, Reply } from '../peers/peer.ts';
import { OTHER_PROMPT, ReplyReader } from '../peers/reply-reader.ts';

const FILE = 'starter.gguf';

export class OursOnDawn implements Peer {
  readonly #url: string;
  readonly #options: PeerOptions;
  #model: Model | null = null;

  constructor(url: string, options: PeerOptions) {
    this.#url = url;
    this.#options = options;
  }

  describe(): string {
    const facts = this.#model?.decoder.facts;
    if (!facts) return 'not loaded';
    return `${facts.device}, weights ${facts.form}, ${facts.activations ?? 'the fastest'} activations, prepared in ${Math.round(facts.prepareMs)} ms, session in ${Math.round(facts.compileMs)} ms`;
  }

  install(): Promise<void> {
    return Promise.resolve(); // without a browser there is no store
  }

  async load(): Promise<void> {
    const blob = await (await fetch(`${this.#url}${FILE}`)).blob();
    const { threads, contextLength, settings } = this.#options;
    this.#model = await openModel(new Map([[FILE, blobSource(FILE, blob)]]), {
      model: FILE,
      backend: 'webgpu',
      form: 'auto',
      contextLength,
      threads,
      fallback: 'none',
      warmUp: true,
      ...settings,
    });
  }

  async reply({ messages }: Prompt, maxTokens: number, reuse: boolean, drafts = false): Promise<Reply> {
    if (!reuse) await this.#run(OTHER_PROMPT);
    return this.#run({ messages, sampling: GREEDY, maxTokens, drafts });
  }

  async #run(request: GenerateRequest): Promise<Reply> {
    if (!this.#model) throw new Error('The starter is not loaded.');
    const reader = new ReplyReader();
    await this.#model.reply(request, reader.signal, (event) => reader.hear(event));
    return reader.reply();
  }

  async close(): Promise<void> {
    await this.#model?.dispose();
  }
}
