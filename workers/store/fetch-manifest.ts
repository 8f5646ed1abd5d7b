import { PhiError } from '../shared/errors.ts';
import type { ModelManifest } from '../shared/protocol.ts';
import { fetchJson } from './fetch-json.ts';
import { resolveUrls, validateManifest } from '../shared/manifest.ts';
import type { Net } from './net.ts';

/** Fetches and validates a manifest; relative shard URLs are resolved against `url`, which must be absolute. */
export async function fetchManifest(net: Net, url: string, signal: AbortSignal): Promise<ModelManifest> {
  if (!URL.canParse(url)) throw new PhiError('bad-request', `"${url}" is not an absolute URL.`);
  return fetchJson(net, url, `The manifest at ${url}`, (value) => resolveUrls(validateManifest(value), url), signal);
}
