import type { Peer, Prompt, Reply } from './peer.ts';

/** What the bench asks of whatever peer is open, in a page or in the process of a GPU. */
export const answersOf = (opened: () => Peer) => ({
  install: (): Promise<void> => opened().install(),
  describe: (): string => opened().describe(),
  /** Milliseconds from the engine's own store to ready. */
  async load(): Promise<number> {
    const start = performance.now();
    await opened().load();
    return performance.now() - start;
  },
  /** `drafts`: with prompt lookup; only this engine has it. */
  reply: (prompt: Prompt, maxTokens: number, reuse: boolean, drafts = false): Promise<Reply> =>
    opened().reply(prompt, maxTokens, reuse, drafts),
});
