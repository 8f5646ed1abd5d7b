/** A laptop with everything, and a desktop beside it, for tests of what the page shows. The figures are invented. */
import type { CompareResult } from '../result.ts';
import { gpuRow, npuRow, result, row } from './results.ts';

const STORY =
  ' The guard said that the lamp in the village below the bridge had been lit by the same family for ninety years.'.split(
    /(?=\s)/,
  );

/** A reply whose first word comes after `first` ms, the others `step` apart. */
const reply = (first: number, step: number) => STORY.map((word, i) => [first + i * step, word] as [number, string]);

const asked = { backend: 'webnn' as const, device: 'cpu' as const, threads: null, form: 'auto' };

export const laptop = (): CompareResult =>
  result([
    { ...npuRow([18.2, 18.6, 18.9]), form: 'int8', reply: reply(420, 54) },
    { ...gpuRow([61, 63.4, 64]), reply: reply(610, 16) },
    {
      label: 'WebNN GPU',
      backend: 'webnn',
      asked: { ...asked, device: 'gpu' },
      form: 'auto',
      absent: 'WebNN: the browser did not create a context for GPU: not supported.',
    },
    {
      ...row({ label: 'WebNN CPU', backend: 'webnn', asked, device: 'WebNN on CPU', form: 'float32' }, [11, 12.5, 15]),
      reply: reply(2100, 80),
    },
    { ...row({}, [24, 25, 25.5]), reply: reply(1900, 40) },
    {
      ...row({ label: 'WASM single', form: 'int8', device: 'CPU, 1 thread', threads: 1 }, [13, 13.2, 13.9]),
      agreement: {
        atGap07: { equal: 31, steps: 150, share: 31 / 150 },
        all: { equal: 60, steps: 243, share: 60 / 243 },
        meanNll: 9.12,
      },
      reply: reply(3900, 76),
    },
    {
      ...row(
        {
          label: 'Lemonade Server',
          backend: 'native',
          form: 'smollm2-135m',
          model: 'smollm2-135m',
          device: 'Lemonade Server',
          kind: null,
          agreement: null,
        },
        [70, 71, 72],
      ),
      asked: { backend: 'native', device: null, threads: null, form: 'auto' },
      ...{ graphs: null, threads: null, loadMs: null, compileMs: null, memory: { engineBytes: null, pageBytes: null } },
      reply: reply(300, 14),
    },
  ]);

export const desktop = (): CompareResult => ({
  ...result([gpuRow([140, 144, 150]), row({}, [48, 50, 51])]),
  machine: {
    browser: 'Edge 156',
    system: 'Windows',
    adapter: 'nvidia ada',
    cores: 24,
    memoryGigabytes: 32,
    isolated: true,
  },
});
