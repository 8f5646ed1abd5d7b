/** The page's side of `npm run test:full-size`: the app's own engine, over `window.fullSize`. */
import { GREEDY } from '../../workers/shared/greedy.ts';
import { wrap } from 'comlink';
import { Engine } from '../../src/engine/engine.ts';
import { scriptUrl } from '../../workers/shared/script-url.ts';
import { PhiError } from '../../workers/shared/errors.ts';
import type { EngineReport, GenerateStats, LoadOptions, LoadRequest } from '../../workers/shared/protocol.ts';
import type { Outcome } from './outcome.ts';
import type { StageTimes, TimingRequest, TimingResult } from './timing.worker.ts';
import timingUrl from './timing.worker.ts?worker&url';

const engine = new Engine();

async function outcome<T>(work: Promise<T>): Promise<Outcome<T>> {
  try {
    return { value: await work };
  } catch (error) {
    return { error: PhiError.from(error).toShape() };
  }
}

export interface Reply {
  text: string;
  stats: GenerateStats;
}

const api = {
  /** `next`: how it will be loaded, so that weights are made during the download. */
  install: (manifestUrl: string, next?: LoadOptions) =>
    outcome<{ bytes: number }>(engine.install(new URL(manifestUrl, location.href).href, { next })),
  damaged: (model: string) => outcome(engine.verify(model).then(({ damaged }) => damaged.length)),
  /** Bytes of made weights that are kept for the next visit. */
  formBytes: async (model: string): Promise<number> =>
    (await engine.storage()).forms.reduce((sum, form) => sum + (form.model === model ? form.bytes : 0), 0),
  load: (request: LoadRequest) => outcome<EngineReport>(engine.load(request)),
  async reply(prompt: string, maxTokens: number): Promise<Outcome<Reply>> {
    const run = async (): Promise<Reply> => {
      let text = '';
      for await (const event of engine.generate({
        messages: [{ role: 'user', content: prompt }],
        sampling: GREEDY,
        maxTokens,
      })) {
        if (event.type === 'text') text += event.text;
        else if (event.type === 'end') return { text, stats: event.stats };
      }
      throw new Error('The reply did not end.');
    };
    return outcome(run());
  },
  async time(request: TimingRequest): Promise<Outcome<TimingResult>> {
    const worker = new Worker(scriptUrl(timingUrl), { type: 'module' });
    try {
      return await outcome(wrap<StageTimes>(worker).time(request));
    } finally {
      worker.terminate();
    }
  },
};

declare global {
  interface Window {
    fullSize: typeof api;
  }
}
window.fullSize = api;
