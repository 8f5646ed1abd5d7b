/** The page's side of the bench: opens one engine and does what Node asks, over `window.bench`. */
import { wrap } from 'comlink';
import { answersOf } from '../peers/answers.ts';
import type { Peer, PeerName, PeerOptions } from '../peers/peer.ts';
import type { ProfileApi, ProfileRequest, ProfileResult } from './profile.worker.ts';

const OPENERS: Record<PeerName, (options: PeerOptions) => Promise<Peer>> = {
  ours: async (options) => new (await import('../peers/ours.ts')).OurPeer(options),
  'transformers.js': async (options) => new (await import('../peers/transformers.ts')).TransformersPeer(options),
  'padded-webnn': async (options) => new (await import('../peers/padded-webnn.ts')).PaddedWebnnPeer(options),
  'matmuls-webnn': async (options) => new (await import('../peers/matmuls-webnn.ts')).MatmulsWebnnPeer(options),
  wllama: async (options) => new (await import('../peers/wllama.ts')).WllamaPeer(options),
};

let peer: Peer | null = null;

function opened(): Peer {
  if (!peer) throw new Error('No engine is open.');
  return peer;
}

const bench = {
  async open(name: PeerName, options: PeerOptions): Promise<void> {
    peer = await OPENERS[name](options);
  },
  ...answersOf(opened),
  async profile(request: ProfileRequest): Promise<ProfileResult> {
    const worker = new Worker(new URL('./profile.worker.ts', import.meta.url), { type: 'module' });
    try {
      return await wrap<ProfileApi>(worker).profile({
        ...request,
        modelUrl: new URL(request.modelUrl, location.href).href,
      });
    } finally {
      worker.terminate();
    }
  },
  close: (): Promise<void> => opened().close(),
};

export type BenchApi = typeof bench;

declare global {
  interface Window {
    bench: BenchApi;
  }
}
window.bench = bench;
