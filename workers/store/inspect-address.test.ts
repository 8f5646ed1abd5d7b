import { createHash } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FaultServer } from './testing/fault-server.ts';
import { freshDatabases, impatient } from './testing/databases.ts';
import { parseAddress } from '../shared/address.ts';
import { openAddress } from './inspect-address.ts';
import { defaultNet } from './net.ts';
import { ModelStore } from './store.ts';

const COMMIT = '0123456789abcdef0123456789abcdef01234567';
const HUB = 'https://hub.test/mirror';

describe('parseAddress', () => {
  it.each<[string, object]>([
    ['microsoft/Phi-4', { kind: 'repo', base: HUB, repo: 'microsoft/Phi-4', revision: 'main', path: '' }],
    [
      'https://huggingface.co/microsoft/Phi-4/',
      { kind: 'repo', base: 'https://huggingface.co', repo: 'microsoft/Phi-4', revision: 'main', path: '' },
    ],
    [
      'https://huggingface.co/a/b/tree/v1/gpu/int4?x=1',
      { kind: 'repo', base: 'https://huggingface.co', repo: 'a/b', revision: 'v1', path: 'gpu/int4' },
    ],
    [
      'https://huggingface.co/a/b/blob/main/a%20b.gguf',
      { kind: 'repo', base: 'https://huggingface.co', repo: 'a/b', revision: 'main', path: 'a b.gguf' },
    ],
    [`${HUB}/a/b/resolve/${COMMIT}/m.gguf`, { kind: 'repo', base: HUB, repo: 'a/b', revision: COMMIT, path: 'm.gguf' }],
    ['http://localhost:8000/m.gguf', { kind: 'file', url: 'http://localhost:8000/m.gguf' }],
  ])('%s', (text, expected) => {
    expect(parseAddress(` ${text} `, HUB)).toEqual(expected);
  });

  it.each([
    '',
    'phi',
    'a/b/c',
    '../x',
    'javascript:alert(1)',
    'file:///etc/passwd',
    'https://me:secret@huggingface.co/a/b',
    'https://huggingface.co/',
    'data:,x',
  ])('refuses %j', (text) => {
    expect(() => parseAddress(text, HUB)).toThrowError(expect.objectContaining({ code: 'bad-request' }) as Error);
  });
});

describe('openAddress', () => {
  let server: FaultServer;
  const net = () => ({ ...defaultNet(), ...impatient('http://page.test') });
  const weights = new Uint8Array(5_000).fill(7);
  const never = new AbortController().signal;

  beforeEach(async () => {
    freshDatabases();
    server = await new FaultServer().start();
  });
  afterEach(() => server.stop());

  it('lists a folder of a repository with hashes, and what it gives can be installed', async () => {
    const sha256 = createHash('sha256').update(weights).digest('hex');
    const siblings = [
      { rfilename: 'README.md', size: 1 },
      { rfilename: 'other/model.gguf', size: 9 },
      { rfilename: 'int4/model.onnx', size: weights.length, lfs: { sha256, size: weights.length } },
    ];
    server.files.set('/api/models/phi/tiny/revision/main', {
      bytes: new TextEncoder().encode(JSON.stringify({ sha: COMMIT, siblings })),
    });
    server.files.set(`/phi/tiny/resolve/${COMMIT}/int4/model.onnx`, { bytes: weights });
    const remote = await openAddress(net(), `${server.origin}/phi/tiny/tree/main/int4`, server.origin, never);
    expect([...remote.files.keys()]).toEqual(['int4/model.onnx']);
    const manifest = await remote.manifest(['int4/model.onnx'], 'int4/', 'ONNX, int4, Phi');
    expect(manifest).toMatchObject({
      what: 'ONNX, int4, Phi',
      source: { revision: COMMIT },
      files: [{ path: 'model.onnx', sha256 }],
    });
    const store = new ModelStore(impatient('http://page.test'));
    expect((await store.install(manifest)).what).toBe('ONNX, int4, Phi');
    expect(await (await store.exportFile(manifest.id, 'model.onnx')).bytes?.()).toEqual(weights);
  });

  it('takes one quantisation in all its parts, of the revision that is named', async () => {
    const names = [
      'm-Q4_K_M.gguf',
      'm-Q4_K_S.gguf',
      'UD-IQ2_XXS/m-UD-IQ2_XXS-00001-of-00002.gguf',
      'UD-IQ2_XXS/m-UD-IQ2_XXS-00002-of-00002.gguf',
      'mmproj-Q4_K_M.gguf',
      'config.json',
    ];
    const siblings = names.map((rfilename) => ({ rfilename, size: 9 }));
    const listing = { bytes: new TextEncoder().encode(JSON.stringify({ sha: COMMIT, siblings })) };
    server.files.set('/api/models/phi/tiny/revision/main', listing);
    server.files.set('/api/models/phi/tiny/revision/refs%2Fpr%2F12', listing);
    const open = async (text: string) => [...(await openAddress(net(), text, server.origin, never)).files.keys()];
    expect(await open('phi/tiny:q4_k_m')).toEqual(['m-Q4_K_M.gguf']);
    expect(await open('phi/tiny:iq2_xxs')).toEqual(names.slice(2, 4));
    expect(await open('phi/tiny/tree/refs%2Fpr%2F12')).toEqual(names);
    await expect(open('phi/tiny:Q8_0')).rejects.toMatchObject({
      code: 'bad-request',
      message: 'phi/tiny has no quantisation "Q8_0". It has Q4_K_M, Q4_K_S, UD-IQ2_XXS.',
    });
  });

  it('takes the URL of a file, and says when a server tells nothing of it', async () => {
    server.files.set('/m.gguf', { bytes: weights });
    const remote = await openAddress(net(), `${server.origin}/m.gguf`, HUB, never);
    expect(remote.files.get('m.gguf')?.size).toBe(weights.length);
    expect(await remote.files.get('m.gguf')?.read(10, 3)).toEqual(new Uint8Array([7, 7, 7]));
    await expect(openAddress(net(), `${server.origin}/gone.gguf`, HUB, never)).rejects.toMatchObject({
      code: 'network',
    });
    await expect(openAddress(net(), 'nobody/nothing', server.origin, never)).rejects.toMatchObject({
      code: 'network',
      message: expect.stringContaining('nobody/nothing') as string,
    });
  });
});
