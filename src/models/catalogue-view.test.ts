import { afterEach, describe, expect, it, vi } from 'vitest';
import type { DeviceFacts } from '../../workers/shared/advisor/device.ts';
import { LAPTOP } from '../../workers/shared/advisor/testing/laptop.ts';
import type { Reason } from '../../workers/shared/advisor/fit.ts';
import { Engine } from '../engine/engine.ts';
import { parseSettings, Settings } from '../settings/settings.svelte.ts';
import { fakeThread } from '../testing/fake-engine.ts';
import { CatalogueView, readBase } from './catalogue-view.svelte.ts';
import { toHubModel, VARIANTS } from './catalogue/catalogue.ts';
import { EngineClaim } from './engine-claim.ts';
import { ModelSession } from './model-session.svelte.ts';
import { reasonText, verdictText } from './reasons.ts';

function viewOf(device: DeviceFacts | null = LAPTOP) {
  const settings = new Settings(null);
  const view = new CatalogueView(settings);
  if (device) view.device = device;
  return { view, settings };
}

describe('CatalogueView', () => {
  it('recommends nothing before it knows the device', () => {
    const { view } = viewOf(null);
    expect([view.recommended, view.closest, view.groups.flatMap(({ forms }) => forms)]).toEqual([null, null, []]);
  });

  it('follows the use', () => {
    const { view } = viewOf();
    expect(view.recommended?.candidate.bits).toBe(4);
    view.use = 'code';
    expect(view.recommended?.candidate.bits).toBe(8);
  });

  it('keeps the context in the settings, and memory follows it', () => {
    const { view, settings } = viewOf();
    expect(view.slots).toBe(4096);
    const before = view.recommended!.fits[0].estimate;
    view.slots = 16_384;
    expect(settings.values.contextLength).toBe(16_384);
    const after = view.recommended!.fits[0].estimate;
    expect(after.cacheBytes).toBe(4 * before.cacheBytes);
    expect(after.weightsBytes).toBe(before.weightsBytes);
  });

  it('groups every form under its model, the best first', () => {
    const { groups } = viewOf().view;
    expect(groups.flatMap(({ forms }) => forms)).toHaveLength(VARIANTS.length);
    expect(groups[0]).toMatchObject({
      name: 'Phi-4-mini-instruct',
      forms: expect.objectContaining({ 0: viewOf().view.recommended }) as unknown,
    });
    expect(groups.find(({ reasoning }) => reasoning)?.name).toBe('Phi-4-mini-reasoning');
  });

  it('says what comes closest where nothing fits, and whether a shorter context would help', () => {
    const { view } = viewOf({ ...LAPTOP, gpu: null, memoryGiB: 4 });
    expect(view.recommended).toBeNull();
    expect(view.closest?.verdict).toBe('no');
    expect(view.shorterHelps).toBe(false);
    const tight = viewOf({ ...LAPTOP, memoryGiB: 4 }).view;
    tight.slots = 8192;
    expect([tight.recommended, tight.shorterHelps]).toEqual([null, true]);
  });
});

describe('readBase', () => {
  it.each([
    ['', ''],
    ['  ', ''],
    [' https://hub.test/ ', 'https://hub.test'],
    ['http://10.0.0.7:8080/hf', 'http://10.0.0.7:8080/hf'],
    ['hub.test', null],
    ['ftp://hub.test', null],
    ['https://me:secret@hub.test', null],
  ])('reads "%s" as %s', (text, base) => {
    expect(readBase(text)).toBe(base);
  });

  it('is the settings’ own form of the default', () => {
    expect(parseSettings(null).hub).toBe('');
  });
});

describe('reasons', () => {
  const GB = 1e9;
  it.each<[Reason, string]>([
    [{ key: 'wasm-limit', needs: 9 * GB, has: 4 * GB }, 'Needs 9.0 GB, but WASM in a tab gets at most 4.0 GB.'],
    [{ key: 'ios-limit', needs: 3 * GB, has: 1.5 * GB }, 'Needs 3.0 GB, but a tab on this device gets about 1.5 GB.'],
    [
      { key: 'gpu-context', needs: 3e8, has: 1.34e8, tokens: 65_536 },
      'Needs a buffer of 300 MB, but this GPU binds at most 134 MB. A context of 65,536 tokens would fit.',
    ],
    [{ key: 'stages', stages: 2 }, 'Runs in 2 stages, each with its own memory.'],
    [{ key: 'gpu-unsure', needs: 9 * GB }, 'Needs 9.0 GB on the GPU. A page cannot see how much memory the GPU has.'],
    [
      { key: 'slow', tokensPerSecond: 1.26 },
      'Slow: expect about 1.3 tokens a second on this processor (people read about 5 tokens a second). A browser that can use a GPU is many times as fast.',
    ],
    [{ key: 'no-webgpu' }, 'This browser has no WebGPU, or WebGPU finds no adapter.'],
  ])('%o in words', (reason, text) => {
    expect(reasonText(reason)).toBe(text);
  });

  it('and verdicts name the backend', () => {
    expect([verdictText('fits', 'webgpu'), verdictText('unsure', 'webnn'), verdictText('no', 'wasm')]).toEqual([
      'Fits, on WebGPU',
      'May fit, on WebNN',
      'Does not fit',
    ]);
  });
});

describe('a download out of the catalogue', () => {
  afterEach(() => vi.unstubAllGlobals());

  it('is chosen and loaded; one that failed goes on, and does not become the starter', async () => {
    vi.stubGlobal('navigator', {});
    const script = { instant: true, quota: true };
    const engine = new Engine(() => fakeThread(script, { models: [] }));
    const settings = new Settings(null);
    const models = new ModelSession(engine, settings, new EngineClaim(null));
    const variant = VARIANTS[0]!;
    await models.download(toHubModel(variant));
    expect(models.phase).toMatchObject({ kind: 'failed', while: 'installing', error: { code: 'quota' } });
    script.quota = false;
    await models.again();
    expect(models.phase.kind).toBe('ready');
    expect(settings.values.model).toBe(variant.id);
    expect(models.storage?.models).toMatchObject([{ id: variant.id, name: variant.name, bytes: variant.sourceBytes }]);
    engine.terminate();
  });
});
