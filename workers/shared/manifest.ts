import * as v from 'valibot';
import { PhiError } from './errors.ts';
import type { ModelFile, ModelManifest, Shard, StoredModel } from './manifest-types.ts';

const MiB = 1024 * 1024;
/** A shard is hashed in one piece (WebCrypto has no incremental digest), so its size bounds the memory of a download. */
export const MAX_SHARD_BYTES = 128 * MiB;
const MAX_FILES = 2_000;
const MAX_SHARDS = 20_000;
/** URL scheme of shards that were imported from the disk: nothing to fetch there. */
export const DISK = 'disk:';

const text = v.pipe(v.string('must be text'), v.maxLength(2_000, 'is longer than 2000 characters'));
const bytes = v.pipe(
  v.number('must be a number of bytes'),
  v.safeInteger('must be a whole number'),
  v.minValue(0, 'must not be negative'),
);
const sha256 = v.pipe(v.string('must be text'), v.regex(/^[0-9a-f]{64}$/, 'must be 64 lower-case hexadecimal digits'));

/** True if a path inside a model is relative, has forward slashes, and stays inside. */
export function isSafePath(path: string): boolean {
  // Path segments become keys and file names of an export: none may climb, hide a separator or be empty.
  // eslint-disable-next-line no-control-regex -- control characters are what is looked for
  if (/[\\\u0000-\u001f\u007f]/.test(path)) return false;
  return path.split('/').every((part) => part !== '' && part !== '.' && part !== '..');
}

/** True if a link may use the address: empty (unknown), http(s) without a password, or a path beside the page. */
export function isLink(url: string): boolean {
  if (url === '') return true;
  const base = 'https://relative.invalid/';
  if (!URL.canParse(url, base)) return false;
  const { protocol, username, password } = new URL(url, base);
  return (protocol === 'http:' || protocol === 'https:') && !username && !password;
}

function isShardUrl(url: string): boolean {
  return url.startsWith(DISK) || (url !== '' && isLink(url));
}

const link = v.pipe(text, v.check(isLink, 'must be an http(s) address without a password'));

const ShardSchema = v.object({
  url: v.pipe(text, v.check(isShardUrl, 'must be an http(s) URL without a password, or relative to the manifest')),
  offset: bytes,
  bytes: v.pipe(
    bytes,
    v.minValue(1, 'must not be 0'),
    v.maxValue(MAX_SHARD_BYTES, `is over ${MAX_SHARD_BYTES / MiB} MiB: cut the file into smaller shards`),
  ),
  wholeUrl: v.boolean('must be true or false'),
  sha256: v.optional(sha256),
});

const FileSchema = v.object({
  path: v.pipe(text, v.check(isSafePath, 'must be a relative path with forward slashes and without ".."')),
  bytes,
  sha256: v.optional(sha256),
  shards: v.pipe(v.array(ShardSchema, 'must be a list'), v.maxLength(MAX_SHARDS, `has more than ${MAX_SHARDS} shards`)),
});

const ManifestSchema = v.object({
  format: v.literal(1, 'must be 1: this manifest was made for another version of the app'),
  id: v.pipe(
    text,
    v.regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/, 'must be letters, digits, ".", "_" and "-", at most 128'),
  ),
  name: v.pipe(text, v.nonEmpty('must not be empty')),
  licence: v.object({ spdx: text, url: link }),
  source: v.object({ name: text, url: link, revision: v.optional(text) }),
  bytes,
  what: v.optional(text),
  files: v.pipe(
    v.array(FileSchema, 'must be a list'),
    v.minLength(1, 'is empty'),
    v.maxLength(MAX_FILES, `has more than ${MAX_FILES} files`),
  ),
});

const StoredSchema = v.object({ ...ManifestSchema.entries, storedAt: v.number(), formBytes: bytes });

function parse<Schema extends typeof ManifestSchema | typeof StoredSchema>(
  schema: Schema,
  value: unknown,
): v.InferOutput<Schema> {
  const result = v.safeParse(schema, value, { abortEarly: true });
  if (result.success) return result.output;
  const [issue] = result.issues;
  throw wrong(v.getDotPath(issue) ?? 'it', issue.message);
}

const wrong = (where: string, why: string) =>
  new PhiError('bad-model', `The model's manifest is damaged: ${where}: ${why}.`, { where });

/** Exact, or an error: beyond 2^53 sums of different sizes would be equal. */
function sum(items: { bytes: number }[]): number {
  const total = items.reduce((sum, { bytes }) => sum + bytes, 0);
  if (!Number.isSafeInteger(total)) throw wrong('bytes', 'the sum of its sizes is too large for a number');
  return total;
}

/** Checks beyond the schema: sizes that add up, ranges that join without gap or overlap, paths that differ. */
function assertCoherent(manifest: ModelManifest): void {
  const paths = new Set<string>();
  for (const { path, bytes, shards, sha256 } of manifest.files) {
    if (paths.has(path)) throw wrong('files', `"${path}" is listed twice`);
    paths.add(path);
    if (sum(shards) !== bytes) throw wrong(path, `its shards hold ${sum(shards)} bytes, but the file has ${bytes}`);
    shards.forEach((shard, i) => {
      if (!Number.isSafeInteger(shard.offset + shard.bytes))
        throw wrong(path, `shard ${i} ends at byte ${shard.offset + shard.bytes}, which no file can have`);
      const before = shards[i - 1];
      if (shard.wholeUrl && shard.offset !== 0)
        throw wrong(path, `shard ${i} is a whole URL and cannot begin at byte ${shard.offset}`);
      if (!before || before.url !== shard.url || shard.url.startsWith(DISK)) return;
      if (shard.offset !== before.offset + before.bytes)
        throw wrong(path, `shard ${i} begins at byte ${shard.offset}, but shard ${i - 1} ends elsewhere`);
    });
    const [only] = shards;
    if (shards.length === 1 && sha256 && only?.sha256 && only.sha256 !== sha256)
      throw wrong(path, 'its only shard has another SHA-256 than the file');
  }
  if (sum(manifest.files) !== manifest.bytes)
    throw wrong('bytes', `the files hold ${sum(manifest.files)} bytes, but the manifest says ${manifest.bytes}`);
}

/**
 * The only door for manifests, from the network, the page or the store: a fresh, checked copy without unknown fields.
 * Throws `bad-model` with the field and the reason.
 */
export function validateManifest(value: unknown): ModelManifest {
  const manifest = parse(ManifestSchema, value);
  assertCoherent(manifest);
  for (const { sha256, shards } of manifest.files) {
    if (sha256 && shards.length === 1) shards[0]!.sha256 = sha256;
  }
  return manifest;
}

/** The same for a manifest from the store. */
export function validateStored(value: unknown): StoredModel {
  const model = parse(StoredSchema, value);
  assertCoherent(model);
  return model;
}

/** The manifest with every relative shard URL made absolute. Throws `bad-request` when there is one and no base. */
export function resolveUrls(manifest: ModelManifest, base?: string): ModelManifest {
  const resolve = (url: string) => {
    if (URL.canParse(url, base)) return new URL(url, base).href;
    throw new PhiError(
      'bad-request',
      `${manifest.id}: the address "${url}" is relative, but the manifest has no URL of its own. Give the URL of the manifest.`,
    );
  };
  const files = manifest.files.map((file) => ({
    ...file,
    shards: file.shards.map((shard) => ({ ...shard, url: resolve(shard.url) })),
  }));
  return { ...manifest, files };
}

/**
 * A file of `bytes` bytes at one URL, cut into the shards that the store likes: 16 MiB, or 64 MiB above 1 GiB.
 * A file of one shard is fetched whole, without a Range header.
 */
export function cutFile(path: string, url: string, bytes: number, sha256?: string): ModelFile {
  const size = bytes > 1024 * MiB ? 64 * MiB : 16 * MiB;
  const shards: Shard[] = [];
  for (let offset = 0; offset < bytes; offset += size) {
    const length = Math.min(size, bytes - offset);
    shards.push({
      url,
      offset,
      bytes: length,
      wholeUrl: length === bytes,
      ...(sha256 && length === bytes ? { sha256 } : {}),
    });
  }
  return { path, bytes, ...(sha256 ? { sha256 } : {}), shards };
}
