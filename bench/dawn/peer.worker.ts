/** In the GPU process: one engine, and what the bench asks of it. The counterpart of bench/page/main.ts. */
import { expose } from 'comlink';
import type { Peer, PeerName, PeerOptions, Prompt, Reply } from '../peers/peer.ts';

let peer: Peer | null = null;

function opened(): Peer {
  if (!peer) throw new Error('No engine is open.');
  return peer;
}

const bench = {
  /** `url`: of the server that has the starter's files. */
  async open(name: PeerName, url: string, options: PeerOptions): Promise<void> {
    if (name === 'ours') peer = new (await import('./ours.ts')).OursOnDawn(url, options);
    else if (name === 'transformers.js') {
      // It would take itself for a program in Node, which computes with other libraries.
      Object.defineProperty(process, 'release', { value: { name: 'browser' } });
      peer = new (await import('./transformers.ts')).TransformersOnDawn(url, options);
    } else throw new Error(`${name} is not compared on Dawn.`);
  },
  install: (): Promise<void> => opened().install(),
  describe: (): string => opened().describe(),
  async load(): Promise<number> {
    const start = performance.now();
    await opened().load();
    return performance.now() - start;
  },
  reply: (prompt: Prompt, maxTokens: number, reuse: boolean, drafts = false): Promise<Reply> =>
    opened().reply(prompt, maxTokens, reuse, drafts),
};

export type DawnBench = typeof bench;
expose(bench);
