import type { Peer, Prompt, Reply } from './peer.ts';

/** Requests of the bench to the open peer, in a page or in a GPU process. */
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
