/** Decodes with ONNX Runtime's profiler on or off: the engine's own decoder, its sessions wrapped so that each run is timed. */
import { expose } from 'comlink';
import type * as OrtModule from 'onnxruntime-web';
import type { InferenceSession } from 'onnxruntime-web';
import type { Model } from '../../workers/engine/model.ts';
import { GREEDY } from '../../workers/shared/greedy.ts';
import type { BackendId, WeightFormat } from '../../workers/shared/protocol.ts';
import { blobSource } from '../../workers/store/bytes.ts';
import { sumEvents, type OpTotals } from '../trace.ts';

const FILE = 'starter.gguf';
/** A token that takes so long fills a run. */
const SLOW_MS = 1000;
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
  modelUrl: string;
  profiled: boolean;
}

export interface ProfileResult {
  tokens: number;
  /** Around `Decoder.decode`, and of that inside `InferenceSession.run`. */
  decodeMs: number;
  sessionMs: number;
  /** Null without the profiler. */
  ops: OpTotals | null;
}

/** ONNX Runtime writes the profile to the console that it finds when it loads. */
const trace: string[] = [];
const log = console.log.bind(console);
console.log = (...values: unknown[]) => {
  const line = values.join(' ');
  if (line.startsWith('{"cat"')) trace.push(line.replace(/,\s*$/, ''));
  else if (line !== '[' && line !== ']') log(line);
};

type Ort = typeof OrtModule;
type Decoder = Model['decoder'];
type Choice = Parameters<Decoder['decode']>[3];

/** Times every run of every session to come. */
function watchSessions(ort: Ort, profiled: boolean): { sessions: InferenceSession[]; runs: number; ms: number } {
  const watched = { sessions: [] as InferenceSession[], runs: 0, ms: 0 };
  const create = ort.InferenceSession.create.bind(ort.InferenceSession) as (
    model: Uint8Array,
    options: object,
  ) => Promise<InferenceSession>;
  const watchedCreate = async (model: Uint8Array, options: object) => {
    const session = await create(model, profiled ? Object.assign(options, { enableProfiling: true }) : options);
    const run = session.run.bind(session) as (...args: unknown[]) => Promise<InferenceSession.ReturnType>;
    session.run = async (...args: unknown[]) => {
      const start = performance.now();
      try {
        return await run(...args);
      } finally {
        watched.runs++;
        watched.ms += performance.now() - start;
      }
    };
    watched.sessions.push(session);
    return session;
  };
  ort.InferenceSession.create = watchedCreate as typeof ort.InferenceSession.create;
  return watched;
}

/** Makes every later GPU device report to ONNX Runtime how long each kernel takes. */
function askForTimestamps(): void {
  const prototype = GPUAdapter.prototype;
  const own = Object.getOwnPropertyDescriptor(prototype, 'requestDevice')!.value as GPUAdapter['requestDevice'];
  prototype.requestDevice = function (descriptor) {
    const requiredFeatures: GPUFeatureName[] = [...(descriptor?.requiredFeatures ?? []), 'timestamp-query'];
    return own.call(this, { ...descriptor, requiredFeatures });
  };
}

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
      contextLength: Math.max(LEAST_SLOTS, context + 2 * runs * steps),
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
    await decode(1); // the first run is slower
    const started = performance.now();
    await decode(1);
    if (performance.now() - started < SLOW_MS) choice.randoms = new Float32Array(Math.min(steps, decoder.maxSteps));
    await decode(1);
    watched.ms = watched.runs = 0;
    const start = performance.now();
    const tokens = await decode(runs);
    const decodeMs = performance.now() - start;
    for (const session of watched.sessions) session.endProfiling();
    await model.dispose();
    return { tokens, decodeMs, sessionMs: watched.ms, ops: profiled ? sumEvents(trace, watched.runs) : null };
  },
};

export type ProfileApi = typeof api;
expose(api);
