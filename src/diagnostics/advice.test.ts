import { describe, expect, it } from 'vitest';
import type { EngineReport } from '../../workers/shared/protocol.ts';
import { advise, type Surroundings } from './advice.ts';

const fine: Surroundings = { webnn: true, webgpu: true, isolated: true, chromium: true, windows: null, expired: false };
const passedOver = (why: string) => ({ rejected: [{ what: 'x', why }] }) as unknown as EngineReport;

describe('advise', () => {
  it('has nothing to say where all is well', () => {
    expect(advise(passedOver('WebGPU: no shader-f16, using float32.'), null, fine)).toEqual([]);
  });

  it.each<[string, string, Partial<Surroundings>, string[]]>([
    ['no WebNN', '', { webnn: false }, ['webnn-flag']],
    ['no WebNN in a browser that has none', '', { webnn: false, chromium: false }, []],
    ['an expired token', '', { webnn: false, expired: true }, ['token-expired', 'webnn-flag']],
    [
      'an NPU that did not run',
      'WebNN: the browser ran the graph on the CPU although the NPU was requested.',
      {},
      ['npu'],
    ],
    ['Windows 10', '', { windows: 10 }, ['windows']],
    ['Windows 11 24H2', '', { windows: 19 }, []],
    ['no adapter', 'WebGPU: the browser offers no adapter (no usable GPU).', {}, ['driver']],
    [
      'a software adapter',
      'WebGPU: the adapter is SwiftShader (software), which computes on the CPU.',
      {},
      ['software-gpu'],
    ],
    ['a form that killed its process', 'an earlier attempt did not come back, ...', {}, ['not-back']],
    ['no isolation', '', { isolated: false }, ['isolation']],
  ])('knows %s', (_what, why, here, expected) => {
    expect(advise(passedOver(why), null, { ...fine, ...here })).toEqual(expected);
  });

  it('knows a lack of memory by its code', () => {
    expect(advise(null, { code: 'out-of-memory', message: 'x' }, fine)).toEqual(['memory']);
  });
});
