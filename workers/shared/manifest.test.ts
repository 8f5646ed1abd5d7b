import { describe, expect, it } from 'vitest';
import { PhiError } from './errors.ts';
import type { ModelManifest } from './protocol.ts';
import { cutFile, resolveUrls, validateManifest } from './manifest.ts';
import starter from '../../public/models/smollm2-135m-instruct-q4_1/manifest.json' with { type: 'json' };

const HASH = 'ab'.repeat(32);

function manifest(): ModelManifest {
  return {
    format: 1,
    id: 'm-1',
    name: 'M',
    licence: { spdx: 'MIT', url: 'https://example.org/licence' },
    source: { name: 'hub', url: 'https://example.org' },
    bytes: 30,
    files: [
      {
        path: 'a/b.bin',
        bytes: 20,
        shards: [
          { url: 'b.bin', offset: 0, bytes: 12, wholeUrl: false },
          { url: 'b.bin', offset: 12, bytes: 8, wholeUrl: false },
        ],
      },
      {
        path: 'c.json',
        bytes: 10,
        sha256: HASH,
        shards: [{ url: 'https://example.org/c.json', offset: 0, bytes: 10, wholeUrl: true }],
      },
    ],
  };
}

/** The manifest with one value, at a path of keys, replaced. */
function changed(path: (string | number)[], value: unknown): unknown {
  const copy: unknown = structuredClone(manifest());
  let at = copy as Record<string | number, unknown>;
  for (const key of path.slice(0, -1)) at = at[key] as Record<string | number, unknown>;
  at[path.at(-1)!] = value;
  return copy;
}

describe('validateManifest', () => {
  it('takes a sound manifest and the starter, without unknown fields', () => {
    expect(validateManifest({ ...manifest(), extra: 1 })).not.toHaveProperty('extra');
    expect(validateManifest(starter).files[0]?.shards).toHaveLength(6);
  });

  it('gives the only shard of a file the hash of the file', () => {
    expect(validateManifest(manifest()).files[1]?.shards[0]?.sha256).toBe(HASH);
  });

  const cases: [string, (string | number)[], unknown, RegExp][] = [
    ['another format', ['format'], 2, /format: must be 1/],
    ['an id with a slash', ['id'], 'a/b', /^The model's manifest is damaged: id/],
    ['a licence that is a script', ['licence', 'url'], 'javascript:alert(1)', /licence\.url: must be an http/],
    ['a source that is a script', ['source', 'url'], ' JavaScript:alert(1)', /source\.url: must be an http/],
    ['a source that is data', ['source', 'url'], 'data:text/html,x', /source\.url/],
    ['a shard beyond any file', ['files', 0, 'shards', 0, 'offset'], Number.MAX_SAFE_INTEGER, /which no file can have/],
    ['a path that climbs', ['files', 0, 'path'], '../b', /files\.0\.path.*without "\.\."/],
    ['an absolute path', ['files', 0, 'path'], '/b', /files\.0\.path/],
    ['a path with a backslash', ['files', 0, 'path'], 'a\\b', /files\.0\.path/],
    ['the same path twice', ['files', 1, 'path'], 'a/b.bin', /listed twice/],
    ['a javascript URL', ['files', 0, 'shards', 0, 'url'], 'javascript:alert(1)', /shards\.0\.url.*http/],
    ['a URL with a password', ['files', 0, 'shards', 0, 'url'], 'https://a:b@example.org/', /shards\.0\.url/],
    ['a short hash', ['files', 1, 'sha256'], 'abc', /files\.1\.sha256: must be 64/],
    ['an upper-case hash', ['files', 1, 'sha256'], 'AB'.repeat(32), /files\.1\.sha256/],
    ['an empty shard', ['files', 0, 'shards', 0, 'bytes'], 0, /shards\.0\.bytes: must not be 0/],
    ['a shard too large to hash', ['files', 0, 'shards', 0, 'bytes'], 2 ** 31, /smaller shards/],
    ['half a byte', ['files', 0, 'shards', 0, 'bytes'], 1.5, /whole number/],
    ['a gap between shards', ['files', 0, 'shards', 1, 'offset'], 13, /shard 1 begins at byte 13/],
    ['shards that do not fill the file', ['files', 0, 'bytes'], 21, /its shards hold 20 bytes, but the file has 21/],
    ['files that do not fill the model', ['bytes'], 31, /the files hold 30 bytes/],
    ['a whole URL with an offset', ['files', 1, 'shards', 0, 'offset'], 5, /whole URL/],
    [
      'a file and its shard with different hashes',
      ['files', 1, 'shards', 0, 'sha256'],
      'cd'.repeat(32),
      /another SHA-256/,
    ],
    ['no files', ['files'], [], /files: is empty/],
    ['files that are no list', ['files'], 'x', /files: must be a list/],
    ['a missing licence', ['licence'], undefined, /licence/],
  ];
  it.each(cases)('refuses %s', (_, path, value, message) => {
    let error: unknown;
    try {
      validateManifest(changed(path, value));
    } catch (cause) {
      error = cause;
    }
    expect(error).toBeInstanceOf(PhiError);
    expect((error as PhiError).code).toBe('bad-model');
    expect((error as PhiError).message).toMatch(message);
  });

  it.each([null, 1, 'x', [], {}])('refuses %j', (value) => {
    expect(() => validateManifest(value)).toThrow(PhiError);
  });
});

it('resolves shard URLs against the manifest, and only where it knows to what', () => {
  const urls = resolveUrls(manifest(), 'https://host/phi/models/m/manifest.json').files.flatMap(({ shards }) =>
    shards.map(({ url }) => url),
  );
  expect(urls).toEqual([
    'https://host/phi/models/m/b.bin',
    'https://host/phi/models/m/b.bin',
    'https://example.org/c.json',
  ]);
  expect(() => resolveUrls(manifest())).toThrow(/relative/);
});

it('cuts files into 16 MiB, above 1 GiB into 64 MiB, and leaves small ones whole', () => {
  const MiB = 1024 * 1024;
  const small = cutFile('a', 'https://h/a', 5 * MiB, HASH);
  expect(small.shards).toEqual([{ url: 'https://h/a', offset: 0, bytes: 5 * MiB, wholeUrl: true, sha256: HASH }]);
  expect(cutFile('a', 'https://h/a', 33 * MiB).shards.map(({ bytes }) => bytes / MiB)).toEqual([16, 16, 1]);
  const large = cutFile('a', 'https://h/a', 1024 * MiB + 1).shards;
  expect([large.length, large[0]?.bytes, large.at(-1)?.bytes]).toEqual([17, 64 * MiB, 1]);
  expect(cutFile('empty', 'https://h/a', 0).shards).toEqual([]);
});

it('sizes that add up beyond what can be counted are refused', () => {
  const most = Number.MAX_SAFE_INTEGER;
  const file = (path: string) => ({ path, bytes: most, shards: [] });
  expect(() => validateManifest({ ...manifest(), bytes: most, files: [file('a'), file('b')] })).toThrow(PhiError);
  const shards = [0, 1].map((i) => ({ url: `${i}`, offset: most - 8, bytes: 10, wholeUrl: false }));
  expect(() => validateManifest({ ...manifest(), bytes: 20, files: [{ path: 'a', bytes: 20, shards }] })).toThrow(
    /which no file can have/,
  );
});
