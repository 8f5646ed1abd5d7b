/** Decodes, or reads a prompt, with ONNX Runtime's profiler on or off: the engine's own decoder, its sessions wrapped so that each run is timed. */
import { expose } from 'comlink';
import type { Model } from '../../workers/engine/model.ts';
import { GREEDY } from '../../workers/shared/greedy.ts';
import type { BackendId, WeightFormat } from '../../workers/shared/protocol.ts';
import { blobSource } from '../../workers/store/bytes.ts';
import { sumEvents, type OpTotals } from '../trace.ts';
import { askForTimestamps, trace, watchSessions } from './watch-sessions.ts';

const FILE = 'starter.gguf';
/** A token that takes so long fills a run: as many as a run has at most stay below the engine's deadline. */
const SLOW_MS = 2500;
/** The context of the published figures for short contexts. */
const LEAST_SLOTS = 2048;

export interface ProfileRequest {
  backend: BackendId;
  threads: number;
  /** Tokens in the cache before decoding begins. */
  context: number;
  runs: number;
  form: WeightFormat | 'auto';
  /** Tokens chosen in one run; fewer where the backend allows fewer, and one where a token takes long: it must give a sign of life. */
  steps: number;
  /** WebGPU: false runs every step without graph capture. */
  capture?: boolean;
  /** Reads a prompt of this many tokens `runs` times, instead of decoding. */
  prefill?: number;
  modelUrl: string;
  profiled: boolean;
}

export interface ProfileResult {
  tokens: number;
  /** Around the calls of the decoder, and of that inside `InferenceSession.run`. */
  decodeMs: number;
  sessionMs: number;
  /** Null without the profiler. */
  ops: OpTotals | null;
}

type Decoder = Model['decoder'];
type Choice = Parameters<Decoder['decode']>[3];

/** Fills the cache with `count` tokens of no meaning: the time does not depend on which they are. */
async function fill(decoder: Decoder, count: number): Promise<void> {
  for (let past = 0; past < count;) {
    const ids = Array.from(
      { length: Math.min(decoder.chunkTokens, count - past) },
      (_, i) => 100 + (((past + i) * 37) % 20_000),
    );
    await decoder.chunk({ ids, past, rope: 'short', choice: null, rows: 'last' });
    past += ids.length;
  }
}

const api = {
  async profile({
    backend,
    threads,
    context,
    runs,
    form,
    steps,
    capture,
    prefill,
    modelUrl,
    profiled,
  }: ProfileRequest): Promise<ProfileResult> {
    const blob = await (await fetch(modelUrl)).blob();
    if (profiled && backend === 'webgpu') askForTimestamps();
    // The module that the engine loads in this browser. Both are imported here because ONNX Runtime keeps the console that it finds.
    const watched = watchSessions(await import('onnxruntime-web/jspi'), profiled);
    const { openModel } = await import('../../workers/engine/model.ts');
    const model = await openModel(new Map([[FILE, blobSource(FILE, blob)]]), {
      model: FILE,
      backend,
      form,
      threads,
      contextLength: Math.max(LEAST_SLOTS, context + 2 * runs * steps, prefill ?? 0),
      ...(capture !== undefined && { capture }),
      fallback: 'none',
      warmUp: false,
    });
    const { decoder } = model;
    await fill(decoder, context);

    const seen = new Float32Array(model.config.vocab);
    const choice: Choice = { sampling: GREEDY, randoms: new Float32Array(1), seen, stop: [] };
    let past = context;
    let last = 100;
    const decode = async (count: number): Promise<number> => {
      const before = past;
      for (let run = 0; run < count; run++) {
        const ids = await decoder.decode(last, past, 'short', choice);
        past += ids.length;
        last = ids.at(-1)!;
      }
      return past - before;
    };
    const read = async (times: number): Promise<number> => {
      for (let run = 0; run < times; run++) await fill(decoder, prefill!);
      return times * prefill!;
    };
    if (prefill === undefined) {
      await decode(1); // the first run is slower
      const started = performance.now();
      await decode(1);
      if (performance.now() - started < SLOW_MS) choice.randoms = new Float32Array(Math.min(steps, decoder.maxSteps));
      await decode(1);
    } else await read(1);
    watched.ms = watched.runs = 0;
    const start = performance.now();
    const tokens = await (prefill === undefined ? decode : read)(runs);
    const decodeMs = performance.now() - start;
    for (const session of watched.sessions) session.endProfiling();
    await model.dispose();
    return { tokens, decodeMs, sessionMs: watched.ms, ops: profiled ? sumEvents(trace, watched.runs) : null };
  },
};

export type ProfileApi = typeof api;
expose(api);
