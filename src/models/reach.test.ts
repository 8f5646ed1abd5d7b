import { describe, expect, it, vi } from 'vitest';
import { PhiError } from '../../workers/shared/errors.ts';
import type { ModelManifest } from '../../workers/shared/protocol.ts';
import { Engine } from '../engine/engine.ts';
import { fakeThread } from '../testing/fake-engine.ts';
import { Reach } from './reach.ts';

const FILE = 'http://models.lan:8080/phi/tiny.gguf';
const manifest = (url: string): ModelManifest => ({
  format: 1,
  id: 'tiny',
  name: 'tiny',
  licence: { spdx: 'unknown', url: '' },
  source: { name: 'models.lan', url },
  bytes: 2,
  files: [
    {
      path: 'tiny.gguf',
      bytes: 2,
      shards: [
        { url, offset: 0, bytes: 1, wholeUrl: false },
        { url, offset: 1, bytes: 1, wholeUrl: false },
      ],
    },
  ],
});

function setUp(allow: (address: string) => Promise<boolean>) {
  const spawn = vi.fn(() => fakeThread({ instant: true }, { models: [] }));
  const engine = new Engine(spawn);
  const end = vi.spyOn(engine, 'terminate');
  const asked: string[] = [];
  const reach = new Reach(engine, (address) => {
    asked.push(address);
    return allow(address);
  });
  return { reach, engine, end, spawn, asked };
}

describe('a server that the person named', () => {
  it('is asked by a worker of its own, and the engine starts again only to download from it', async () => {
    const { reach, engine, end, spawn, asked } = setUp((address) =>
      Promise.resolve(asked.filter((one) => one.startsWith('http://models.lan')).length === 1 && address === FILE),
    );
    await engine.storage();
    await reach.inspect({ address: FILE, hub: '' }, {}).catch(() => undefined); // the fake has nothing there
    expect([asked, spawn.mock.calls.length, end.mock.calls.length]).toEqual([[FILE], 2, 0]);
    await reach.forDownload(manifest(FILE));
    expect([asked, end.mock.calls.length]).toEqual([[FILE, 'http://models.lan:8080'], 1]);
    await reach.forDownload(manifest(FILE));
    expect(end).toHaveBeenCalledTimes(1);
    engine.terminate();
  });

  it('is allowed no longer once nothing comes from it', async () => {
    const forgotten: string[] = [];
    const engine = new Engine(() => fakeThread({ instant: true }, { models: [] }));
    const forget = (origin: string) => Promise.resolve(void forgotten.push(origin));
    const reach = new Reach(engine, () => Promise.resolve(false), forget);
    const other = { ...manifest('http://models.lan:8080/other.gguf'), id: 'other' };
    await reach.afterRemoval(manifest(FILE), [other], '');
    await reach.afterRemoval(manifest(FILE), [], 'http://models.lan:8080/hub');
    await reach.afterRemoval(manifest('disk:tiny.gguf'), [], '');
    expect(forgotten).toEqual([]);
    await reach.afterRemoval(manifest(FILE), [manifest('https://elsewhere.test/x.gguf')], 'https://hub.test');
    expect(forgotten).toEqual(['http://models.lan:8080']);
  });

  it('that may be reached already restarts nothing, nor does this page’s own server', async () => {
    const { reach, end, asked } = setUp(() => Promise.resolve(false));
    await reach.forDownload(manifest('shards/tiny.gguf'));
    await reach.forDownload(manifest(FILE));
    expect([asked, end.mock.calls.length]).toEqual([['http://models.lan:8080'], 0]);
  });

  it('that cannot be allowed is told before anything is asked', async () => {
    const { reach, spawn } = setUp(() => Promise.reject(new PhiError('network', 'no service worker')));
    await expect(reach.inspect({ address: FILE, hub: '' }, {})).rejects.toMatchObject({ code: 'network' });
    await expect(reach.forDownload(manifest(FILE))).rejects.toMatchObject({ code: 'network' });
    expect(spawn).not.toHaveBeenCalled();
  });
});
