import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { PhiError } from '../../workers/shared/errors.ts';
import { Engine } from '../engine/engine.ts';
import { Settings } from '../settings/settings.svelte.ts';
import type { FakeDisk, FakeScript } from '../testing/fake-script.ts';
import { fakeThread } from '../testing/fake-engine.ts';
import { FAKE_MANIFEST, FAKE_MODEL } from '../testing/fake-models.ts';
import { EngineClaim } from './engine-claim.ts';
import { ModelSession } from './model-session.svelte.ts';

const engines: Engine[] = [];

function setUp(script: FakeScript, disk: FakeDisk) {
  const engine = new Engine(() => fakeThread({ instant: true, ...script }, disk));
  engines.push(engine);
  const settings = new Settings(null);
  return { engine, settings, models: new ModelSession(engine, settings, new EngineClaim(null)) };
}

beforeEach(() => {
  vi.stubGlobal('document', { baseURI: 'https://example.org/phi/' });
  vi.stubGlobal('navigator', {});
  vi.stubGlobal('fetch', () => Promise.resolve(Response.json(FAKE_MANIFEST)));
});

afterEach(() => {
  for (const engine of engines.splice(0)) engine.terminate();
  vi.unstubAllGlobals();
});

describe('ModelSession', () => {
  it('loads what is stored, without asking the server', async () => {
    const fetched = vi.fn(() => Promise.reject(new TypeError('offline')));
    vi.stubGlobal('fetch', fetched);
    const { models } = setUp({}, { models: [FAKE_MODEL] });
    await models.start();
    expect(models.phase.kind).toBe('ready');
    expect(fetched).not.toHaveBeenCalled();
  });

  it('shows the starter on the first visit, installs it beside the page and loads it', async () => {
    const { engine, models } = setUp({}, { models: [] });
    const install = vi.spyOn(engine, 'install');
    await models.start();
    expect(models.phase.kind).toBe('absent');
    expect(models.starter).toMatchObject({ name: FAKE_MANIFEST.name, bytes: FAKE_MANIFEST.bytes });
    await models.install();
    expect(install.mock.calls[0]?.[0]).toBe(`https://example.org/phi/models/${FAKE_MANIFEST.id}/manifest.json`);
    expect(models.report?.model).toBe(FAKE_MANIFEST.id);
  });

  it('does without the figures when the manifest cannot be had, or makes no sense', async () => {
    for (const answer of [
      () => Promise.reject(new TypeError('offline')),
      () => Promise.resolve(Response.json({ name: 3 })),
    ]) {
      vi.stubGlobal('fetch', answer);
      const { models } = setUp({}, { models: [] });
      await models.start();
      expect([models.phase.kind, models.starter]).toEqual(['absent', null]);
    }
  });

  it('takes another stored model when the chosen one is gone', async () => {
    const { settings, models } = setUp({}, { models: [{ ...FAKE_MODEL, id: 'phi-4-mini' }] });
    settings.change({ model: 'gone' });
    await models.start();
    expect(models.report?.model).toBe('phi-4-mini');
    expect(settings.values.model).toBe('phi-4-mini');
  });

  it('goes back to where it was when an installation is cancelled', async () => {
    const { models } = setUp({ instant: false, slow: true }, { models: [] });
    await models.start();
    const installed = models.install();
    await vi.waitFor(() => expect(models.phase).toMatchObject({ kind: 'installing', progress: { phase: 'download' } }));
    models.cancel();
    await installed;
    expect(models.phase.kind).toBe('absent');
  });

  it('says what failed, and while doing what', async () => {
    const quota = setUp({ quota: true }, { models: [] });
    await quota.models.install();
    expect(quota.models.phase).toMatchObject({ kind: 'failed', while: 'installing', error: { code: 'quota' } });
    const memory = setUp({ 'load-error': true }, { models: [FAKE_MODEL] });
    await memory.models.start();
    expect(memory.models.phase).toMatchObject({ kind: 'failed', while: 'loading', error: { code: 'out-of-memory' } });
    await expect(memory.models.ready(new AbortController().signal)).rejects.toBeInstanceOf(PhiError);
  });

  it('comes back to the first visit when the last model is removed', async () => {
    const { models } = setUp({}, { models: [FAKE_MODEL] });
    await models.start();
    await models.remove(FAKE_MODEL.id);
    expect(models.phase.kind).toBe('absent');
    expect(models.storage?.models).toEqual([]);
  });

  it('lets those who wait for the model give up', async () => {
    const { models } = setUp({ instant: false, slow: true }, { models: [FAKE_MODEL] });
    const started = models.start();
    const controller = new AbortController();
    const waiting = models.ready(controller.signal);
    controller.abort();
    await expect(waiting).rejects.toMatchObject({ code: 'cancelled' });
    await vi.waitFor(() => expect(models.phase.kind).toBe('loading'));
    models.cancel();
    await started;
    expect(models.phase).toMatchObject({ kind: 'failed', error: { code: 'cancelled' } });
  });
});
