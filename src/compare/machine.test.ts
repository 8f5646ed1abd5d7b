import { describe, expect, it, vi } from 'vitest';
import { browserName, inTime, systemName } from './machine.ts';
import { kindOf } from './measure.ts';

describe('the machine', () => {
  it('is named by brand and version, never by the whole user agent', () => {
    const brands = [
      { brand: 'Not;A=Brand', version: '8' },
      { brand: 'Chromium', version: '156' },
      { brand: 'Microsoft Edge', version: '156' },
    ];
    expect(browserName('x', brands)).toBe('Microsoft Edge 156');
    expect(
      browserName('Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 HeadlessChrome/153.0.1.2 Safari/537.36'),
    ).toBe('Chrome 153');
    expect(browserName('Mozilla/5.0 (Macintosh) AppleWebKit/605 Version/26.1 Safari/605')).toBe('Safari 26.1');
    expect(systemName('Mozilla/5.0 (X11; Linux x86_64)')).toBe('Linux');
    expect(systemName('x', 'Windows')).toBe('Windows');
  });
});

describe('kindOf', () => {
  it('goes by evidence', () => {
    expect(kindOf({ backend: 'wasm', device: 'CPU, 2 threads' })).toBe('cpu');
    expect(kindOf({ backend: 'webgpu', device: 'WebGPU on SwiftShader (software)' })).toBe('cpu');
    expect(kindOf({ backend: 'webgpu', device: 'WebGPU on NVIDIA Ada' })).toBe('gpu');
    expect(kindOf({ backend: 'webnn', device: 'WebNN on NPU' })).toBe('npu');
    expect(kindOf({ backend: 'webnn', device: 'WebNN on CPU' })).toBe('cpu');
  });

  it('is silent where there is none, or more than one', () => {
    expect(kindOf({ backend: 'webnn', device: 'WebNN on a device that the browser does not name' })).toBeNull();
    expect(kindOf({ backend: 'webnn', device: 'WebNN on NPU and CPU' })).toBeNull();
  });
});

describe('what is nice to know', () => {
  it('is not waited for where a driver hangs, and null where it is refused', async () => {
    vi.useFakeTimers();
    try {
      const hanging = inTime(new Promise<string>(() => undefined));
      await vi.advanceTimersByTimeAsync(3_000);
      expect(await hanging).toBeNull();
      expect(await inTime(Promise.reject(new Error('no')))).toBeNull();
      expect(await inTime(Promise.resolve('adapter'))).toBe('adapter');
    } finally {
      vi.useRealTimers();
    }
  });
});
