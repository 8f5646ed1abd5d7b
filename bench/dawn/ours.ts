/** This project's engine without its page: the model from the server, no store. */
import { openCheckpoint } from '../../workers/engine/checkpoint/open.ts';
import type { Checkpoint } from '../../workers/engine/checkpoint/types.ts';
import { GREEDY } from '../../workers/engine/generate/greedy.ts';
import { generateReply } from '../../workers/engine/generate/reply.ts';
import { Sequence } from '../../workers/engine/generate/sequence.ts';
import { createConversation, type Conversation } from '../../workers/engine/tokenizer/conversation.ts';
import { createTokenizer } from '../../workers/engine/tokenizer/tokenizer.ts';
import { createWebgpuDecoder } from '../../workers/engine/webgpu/decoder.ts';
import { webgpuForms } from '../../workers/engine/webgpu/weights.ts';
import type { GenerateEvent } from '../../workers/shared/protocol.ts';
import { blobSource } from '../../workers/store/bytes.ts';
import { Stopwatch, type Peer, type PeerOptions, type Prompt, type Reply } from '../peers/peer.ts';

const FILE = 'starter.gguf';

export class OursOnDawn implements Peer {
  readonly #url: string;
  readonly #options: PeerOptions;
  #loaded: { checkpoint: Checkpoint; sequence: Sequence; talk: Conversation } | null = null;

  constructor(url: string, options: PeerOptions) {
    this.#url = url;
    this.#options = options;
  }

  describe(): string {
    const facts = this.#loaded?.sequence.decoder.facts;
    if (!facts) return 'not loaded';
    return `${facts.device}, weights ${facts.form}, ${facts.activations ?? 'the fastest'} activations, prepared in ${Math.round(facts.prepareMs)} ms, session in ${Math.round(facts.compileMs)} ms`;
  }

  install(): Promise<void> {
    return Promise.resolve(); // without a browser there is no store
  }

  async load(): Promise<void> {
    const blob = await (await fetch(`${this.#url}${FILE}`)).blob();
    const checkpoint = await openCheckpoint(new Map([[FILE, blobSource(FILE, blob)]]));
    const { threads, contextLength, settings } = this.#options;
    // Without the engine's deadlines: a software adapter is silent for longer than a device that hangs.
    const form = webgpuForms(checkpoint)[0]!;
    const decoder = await createWebgpuDecoder(checkpoint, { form, slots: contextLength, threads, ...settings });
    const talk = createConversation(createTokenizer(checkpoint.tokenizer), checkpoint);
    this.#loaded = { checkpoint, sequence: new Sequence(decoder, checkpoint.config), talk };
  }

  async reply({ messages }: Prompt, maxTokens: number, reuse: boolean, drafts = false): Promise<Reply> {
    if (!this.#loaded) throw new Error('The starter is not loaded.');
    const { checkpoint, talk } = this.#loaded;
    if (!reuse) this.#loaded.sequence = new Sequence(this.#loaded.sequence.decoder, checkpoint.config);
    const { sequence } = this.#loaded;
    const watch = new Stopwatch();
    const enough = new AbortController();
    let text = '';
    let end: Extract<GenerateEvent, { type: 'end' }> | null = null;
    const request = { messages, sampling: GREEDY, maxTokens, drafts };
    await generateReply(sequence, talk, checkpoint.config.eos, request, enough.signal, (event) => {
      if (event.type === 'text') {
        text += event.text;
        if (event.tokens > 0) watch.arrived(event.tokens);
        if (watch.overtime) enough.abort();
      } else if (event.type === 'end') end = event;
    });
    const stats = (end as Extract<GenerateEvent, { type: 'end' }> | null)?.stats;
    if (!stats) throw new Error('The reply did not end.');
    return {
      text,
      promptTokens: stats.promptTokens,
      prefilledTokens: stats.prefilledTokens,
      tokens: stats.generatedTokens,
      ttftMs: watch.ttftMs,
      decodeTokensPerSecond: watch.decodeTokensPerSecond,
    };
  }

  async close(): Promise<void> {
    await this.#loaded?.sequence.decoder.dispose();
  }
}
