/**
 * Models in repositories of a hub: huggingface.co, a mirror of it, or a file server with the same paths,
 * `${base}/${repo}/resolve/${revision}/${path}`. Where sizes are published beforehand such a model is a manifest; where they are not,
 * resolve-files.ts asks for them when the download begins.
 */
import * as v from 'valibot';
import { PhiError } from './errors.ts';
import type { HubModel, ModelManifest } from './manifest-types.ts';
export type { HubFile, HubModel } from './manifest-types.ts';
import { cutFile, isLink, isSafePath, validateManifest } from './manifest.ts';

export const DEFAULT_HUB = 'https://huggingface.co';

/** The revision that the hub serves if no commit is named. */
export const MAIN = 'main';

const text = v.pipe(
  v.string('must be text'),
  v.nonEmpty('must not be empty'),
  v.maxLength(500, 'is longer than 500 characters'),
);
const HubSchema = v.object({
  kind: v.literal('hub'),
  id: text,
  name: text,
  licence: v.object({
    spdx: text,
    url: v.pipe(v.string(), v.check(isLink, 'must be an http(s) address without a password')),
  }),
  base: v.pipe(text, v.check(isHubBase, 'must be an http(s) address without a password, a query or a fragment')),
  repo: v.pipe(text, v.regex(/^\w[\w.-]*\/\w[\w.-]*$/, 'must be "owner/name"')),
  revision: v.nullable(v.pipe(v.string(), v.regex(/^[0-9a-f]{40}$/, 'must be a commit of 40 hexadecimal digits'))),
  folder: v.pipe(v.string(), v.regex(/^$|\/$/, 'must be empty or end in "/"')),
  files: v.pipe(
    v.array(
      v.object({
        path: v.pipe(text, v.check(isSafePath, 'must be a relative path with forward slashes and without ".."')),
        bytes: v.optional(v.pipe(v.number(), v.safeInteger('must be a whole number'), v.minValue(1, 'must not be 0'))),
        sha256: v.optional(v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/, 'must be 64 lower-case hexadecimal digits'))),
        optional: v.optional(v.boolean()),
      }),
    ),
    v.minLength(1, 'is empty'),
    v.maxLength(200, 'has more than 200 files'),
  ),
});

/** True if `base` can be put before `/owner/name/resolve/...`. */
export function isHubBase(base: string): boolean {
  if (!URL.canParse(base) || base.endsWith('/')) return false;
  const { protocol, username, password, search, hash } = new URL(base);
  return (protocol === 'http:' || protocol === 'https:') && !username && !password && !search && !hash;
}

/** A fresh, checked copy of what the page handed over. Throws `bad-request` with the field and the reason. */
export function validateHubModel(value: unknown): HubModel {
  const result = v.safeParse(HubSchema, value, { abortEarly: true });
  if (result.success) return result.output;
  const [issue] = result.issues;
  throw new PhiError(
    'bad-request',
    `The description of the model to download is not valid: ${v.getDotPath(issue) ?? 'it'} ${issue.message}.`,
  );
}

export function isHubModel(value: object | string): value is HubModel {
  return typeof value === 'object' && 'kind' in value && value.kind === 'hub';
}

/** True if the commit and the exact size of every file are known, so that the hub need not be asked. */
export function isComplete({ revision, files }: HubModel): boolean {
  return revision !== null && files.every(({ bytes, optional }) => bytes !== undefined && !optional);
}

/** Address of a file at a commit (or at `main`). */
export function fileUrl(
  { base, repo }: Pick<HubModel, 'base' | 'repo'>,
  revision: string | null,
  path: string,
): string {
  return `${base}/${repo}/resolve/${revision ?? MAIN}/${path.split('/').map(encodeURIComponent).join('/')}`;
}

/** Path of a repository's file inside the model. */
export function insidePath({ folder }: Pick<HubModel, 'folder'>, path: string): string {
  return path.startsWith(folder) ? path.slice(folder.length) : path;
}

/** The manifest of a model of which every size is known. Throws `bad-request` naming the files whose size is not. */
export function hubManifest(model: HubModel): ModelManifest {
  const unknown = model.files.filter(({ bytes }) => bytes === undefined).map(({ path }) => path);
  if (unknown.length > 0) {
    throw new PhiError(
      'bad-request',
      `The exact size of ${unknown.join(', ')} is unknown until ${new URL(model.base).host} reports it.`,
    );
  }
  const { id, name, licence, base, repo, revision } = model;
  const files = model.files.map(({ path, bytes, sha256 }) =>
    cutFile(insidePath(model, path), fileUrl(model, revision, path), bytes!, sha256),
  );
  return validateManifest({
    format: 1,
    id,
    name,
    licence,
    source: { name: repo, url: `${base}/${repo}`, ...(revision ? { revision } : {}) },
    bytes: files.reduce((sum, file) => sum + file.bytes, 0),
    files,
  });
}
