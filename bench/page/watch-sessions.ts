/** ONNX Runtime's profiler for sessions that an engine makes, and a clock around each of their runs. */
import type * as OrtModule from 'onnxruntime-web';
import type { InferenceSession } from 'onnxruntime-web';

type Ort = typeof OrtModule;

export interface WatchedSessions {
  sessions: InferenceSession[];
  runs: number;
  /** Inside `InferenceSession.run`. On a GPU that is the host's part: a run resolves when its work is queued. */
  ms: number;
}

/** Lines of the profile, in order. ONNX Runtime writes them to the console that it finds when it loads: import this module before it. */
export const trace: string[] = [];
const log = console.log.bind(console);
console.log = (...values: unknown[]) => {
  const line = values.join(' ');
  if (line.startsWith('{"cat"')) trace.push(line.replace(/,\s*$/, ''));
  else if (line !== '[' && line !== ']') log(line);
};

/** Measures every run of all later sessions. */
export function watchSessions(ort: Ort, profiled: boolean): WatchedSessions {
  const watched: WatchedSessions = { sessions: [], runs: 0, ms: 0 };
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
export function askForTimestamps(): void {
  const prototype = GPUAdapter.prototype;
  const own = Object.getOwnPropertyDescriptor(prototype, 'requestDevice')!.value as GPUAdapter['requestDevice'];
  prototype.requestDevice = function (descriptor) {
    const asked = new Set<GPUFeatureName>([...(descriptor?.requiredFeatures ?? []), 'timestamp-query']);
    return own.call(this, { ...descriptor, requiredFeatures: [...asked] });
  };
}
