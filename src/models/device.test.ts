import { describe, expect, it, vi } from 'vitest';
import type { StorageReport } from '../../workers/shared/protocol.ts';
import { askGpu, describeDevice, isIos, isPhone, type Surroundings } from './device.ts';

const UA = {
  iphone:
    'Mozilla/5.0 (iPhone; CPU iPhone OS 26_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.0 Mobile/15E148 Safari/604.1',
  mac: 'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.0 Safari/605.1.15',
  android: 'Mozilla/5.0 (Android 16; Mobile; rv:140.0) Gecko/140.0 Firefox/140.0',
  windows:
    'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36',
};
const here = (userAgent: string, more: Partial<Surroundings> = {}): Surroundings => ({
  userAgent,
  maxTouchPoints: 0,
  ...more,
});

describe('the kind of device', () => {
  it.each([
    ['an iPhone', here(UA.iphone, { maxTouchPoints: 5 }), true, true],
    ['an iPad that calls itself a Mac', here(UA.mac, { maxTouchPoints: 5 }), true, true],
    ['a Mac', here(UA.mac), false, false],
    ['Firefox on Android', here(UA.android, { maxTouchPoints: 5 }), false, true],
    [
      'Chrome on Windows with a touch screen',
      here(UA.windows, { maxTouchPoints: 10, userAgentData: { mobile: false } }),
      false,
      false,
    ],
    ['a phone that says so', here(UA.windows, { userAgentData: { mobile: true } }), false, true],
  ])('%s', (_, device, ios, phone) => {
    expect([isIos(device), isPhone(device)]).toEqual([ios, phone]);
  });
});

describe('the GPU', () => {
  const adapter = (info: object, features: string[] = []) =>
    here(UA.windows, {
      gpu: {
        requestAdapter: () =>
          Promise.resolve({
            features: new Set(features),
            limits: { maxStorageBufferBindingSize: 2 ** 31 - 4, maxBufferSize: 2 ** 30 },
            info,
          }),
      },
    });

  it('tells of 16-bit shaders and of what it binds, which is no more than a buffer', async () => {
    expect(await askGpu(adapter({ isFallbackAdapter: false, architecture: 'turing' }, ['shader-f16']))).toEqual({
      float16: true,
      bindingBytes: 2 ** 30,
      software: false,
    });
  });

  it.each([
    { isFallbackAdapter: true },
    { architecture: 'swiftshader' },
    { description: 'llvmpipe (LLVM 19)' },
    { description: 'Microsoft Basic Render Driver' },
  ])('is software when it says %o', async (info) => {
    expect((await askGpu(adapter(info)))?.software).toBe(true);
  });

  it('is asked once for all, and once more after it gave nothing', async () => {
    const adapter = { features: new Set<string>(), limits: { maxStorageBufferBindingSize: 1, maxBufferSize: 1 } };
    const requestAdapter = vi
      .fn<() => Promise<typeof adapter | null>>()
      .mockResolvedValue(adapter)
      .mockResolvedValueOnce(null);
    const device = here(UA.windows, { gpu: { requestAdapter } });
    expect(await Promise.all([askGpu(device), askGpu(device)])).toEqual([null, null]);
    const facts = await askGpu(device);
    expect(facts).toMatchObject({ bindingBytes: 1 });
    expect(await askGpu(device)).toBe(facts);
    expect(requestAdapter).toHaveBeenCalledTimes(2);
  });

  it('is absent without WebGPU, without an adapter, and when asking fails', async () => {
    expect(await askGpu(here(UA.windows))).toBeNull();
    expect(await askGpu(here(UA.windows, { gpu: { requestAdapter: () => Promise.resolve(null) } }))).toBeNull();
    expect(
      await askGpu(here(UA.windows, { gpu: { requestAdapter: () => Promise.reject(new Error('lost')) } })),
    ).toBeNull();
  });
});

describe('describeDevice', () => {
  const storage = (usage: number | null, quota: number | null): StorageReport => ({
    persisted: true,
    usage,
    quota,
    models: [],
    partial: [],
    forms: [],
    caches: { chats: 0, bytes: 0 },
  });

  it('takes what the browser tells, and nothing for the rest', () => {
    expect(
      describeDevice(
        here(UA.windows, { deviceMemory: 16, hardwareConcurrency: 12, ml: {} }),
        null,
        storage(2, 10),
        true,
      ),
    ).toEqual({
      memoryGiB: 16,
      freeStorageBytes: 8,
      gpu: null,
      webnn: 'system',
      phone: false,
      ios: false,
      isolated: true,
      cores: 12,
    });
    expect(describeDevice(here(UA.mac), null, storage(null, 10), false)).toMatchObject({
      memoryGiB: null,
      freeStorageBytes: null,
      webnn: null,
    });
    const told = (platform: string) =>
      describeDevice(here(UA.windows, { ml: {}, userAgentData: { mobile: false, platform } }), null, null, true).webnn;
    expect(['Windows', 'macOS', 'Linux', 'Chrome OS'].map(told)).toEqual(['system', 'system', 'cpu', 'cpu']);
    expect(describeDevice(here(UA.android, { ml: {} }), null, null, true).webnn).toBe('cpu');
    expect(describeDevice(here(UA.mac), null, storage(12, 10), false).freeStorageBytes).toBe(0);
    expect(describeDevice(here(UA.mac), null, null, false).freeStorageBytes).toBeNull();
  });
});
