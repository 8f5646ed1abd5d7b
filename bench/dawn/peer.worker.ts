/** In the GPU process: one engine, and what the bench asks of it. The counterpart of bench/page/main.ts. */
import { expose } from 'comlink';
import { answersOf } from '../peers/answers.ts';
import type { Peer, PeerName, PeerOptions } from '../peers/peer.ts';

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
  ...answersOf(opened),
};

export type DawnBench = typeof bench;
expose(bench);
