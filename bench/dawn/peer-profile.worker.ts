/** In the GPU process: transformers.js under the same profiler as this engine, on the same device. */
import './trace-to-console.ts';
import { expose } from 'comlink';
import { askForTimestamps, trace, watchSessions } from '../page/watch-sessions.ts';
import type { ProfileApi, ProfileRequest, ProfileResult } from '../page/profile.worker.ts';
import { sumEvents } from '../trace.ts';

/** Ids of no meaning: the time does not depend on which they are. */
const idsOf = (count: number) => Array.from({ length: count }, (_, i) => 100 + ((i * 37) % 20_000));

const api = {
  async profile({
    threads,
    context,
    runs,
    prefill,
    modelUrl,
    modelFile,
    dtype,
    profiled,
  }: PeerProfileRequest): Promise<ProfileResult> {
    // It would take itself for a program in Node, which computes with other libraries.
    Object.defineProperty(process, 'release', { value: { name: 'browser' } });
    if (profiled) askForTimestamps();
    const watched = watchSessions(await import('onnxruntime-web/webgpu'), profiled);
    const { transformersApi } = await import('../peers/transformers-api.ts');
    await transformersApi.load({ models: modelUrl, device: 'webgpu', threads, modelFile, dtype });
    const arrivals: { ms: number; session: number }[] = [];
    const generate = async (prompt: number, tokens: number) => {
      arrivals.length = 0;
      await transformersApi.generate(idsOf(prompt), tokens, false, () => {
        arrivals.push({ ms: performance.now(), session: watched.ms });
        return false;
      });
    };
    const wanted = prefill ?? context;
    await generate(wanted, 2); // the first runs compile
    watched.ms = 0;
    const start = performance.now();
    await generate(wanted, prefill === undefined ? 1 + runs : 1);
    const first = prefill === undefined ? arrivals[0]! : { ms: start, session: 0 };
    const last = arrivals.at(-1)!;
    for (const session of watched.sessions) session.endProfiling();
    return {
      tokens: prefill ?? runs,
      decodeMs: last.ms - first.ms,
      sessionMs: last.session - first.session,
      ops: profiled ? sumEvents(trace, prefill === undefined ? runs : 1) : null,
    };
  },
} satisfies { profile: (request: PeerProfileRequest) => ReturnType<ProfileApi['profile']> };

export interface PeerProfileRequest extends ProfileRequest {
  /** The graph that it is given; see bench/onnx/make.ts. */
  modelFile: string;
  dtype: 'q4' | 'q4f16';
}
export type PeerProfileApi = typeof api;
expose(api);
