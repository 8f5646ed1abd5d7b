/**
 * Learns what a hub's model consists of: the commit, and the size and SHA-256 of every file.
 *
 * `GET ${base}/api/models/${repo}/revision/${revision}?blobs=true` of the Hugging Face Hub answers, also to other origins,
 *   { sha: commit, siblings: [{ rfilename, size, blobId, lfs?: { sha256, size, pointerSize } }] }
 * with one entry for each file of the repository; `revision` is a branch or a commit of 40 digits (shorter ones are refused).
 * Large files are in LFS (or Xet), and `lfs.sha256` is of their content; small ones have only git's blob id, which is no hash of the
 * content alone: of these the SHA-256 is recorded when they first arrive. A file server without that API is asked file by file.
 */
import * as v from 'valibot';
import { PhiError } from '../shared/errors.ts';
import type { ModelManifest } from '../shared/protocol.ts';
import { fetchJson } from './fetch-json.ts';
import { fileUrl, hubManifest, isComplete, MAIN, type HubFile, type HubModel } from '../shared/hub.ts';
import { ask } from './http.ts';
import { Fault, type Net } from './net.ts';
import { RetryPolicy } from './retry-policy.ts';

const ListingSchema = v.object({
  sha: v.pipe(v.string(), v.regex(/^[0-9a-f]{40}$/)),
  siblings: v.array(
    v.object({
      rfilename: v.string(),
      size: v.nullish(v.pipe(v.number(), v.safeInteger(), v.minValue(0))),
      lfs: v.nullish(
        v.object({
          sha256: v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/)),
          size: v.pipe(v.number(), v.safeInteger(), v.minValue(0)),
        }),
      ),
    }),
  ),
});

export interface Listing {
  commit: string;
  files: Map<string, { bytes: number | null; sha256: string | null }>;
}

/**
 * The manifest of `model`. Nothing is asked for when everything is known.
 * Rejects with `network` (unreachable, refused, or a file is not there) or `integrity` (the hub has other bytes than the catalogue says).
 */
export async function resolveFiles(net: Net, model: HubModel, signal: AbortSignal): Promise<ModelManifest> {
  if (isComplete(model)) return hubManifest(model);
  const listing = await listRepository(net, model, signal);
  const found: HubFile[] = [];
  for (const file of model.files) {
    const known = listing ? fromListing(model, listing, file) : await fromServer(net, model, file, signal);
    if (known) found.push(known);
    else if (!file.optional) throw absent(model, file.path, listing?.commit ?? model.revision);
  }
  return hubManifest({ ...model, revision: listing?.commit ?? model.revision, files: found });
}

const host = ({ base }: Pick<HubModel, 'base'>) => new URL(base).host;

function absent(model: HubModel, path: string, revision: string | null): PhiError {
  const message = `${model.repo} on ${host(model)} has no ${path} at ${revision ?? MAIN}. The file may have been moved or renamed. Choose another variant.`;
  return new PhiError('network', message, { path, status: 404 });
}

/** Null where the server has no such API: a plain file server, or one that answers every path with its page. */
export async function listRepository(
  net: Net,
  model: Pick<HubModel, 'base' | 'repo'> & { revision: string | null },
  signal: AbortSignal,
): Promise<Listing | null> {
  const url = `${model.base}/api/models/${model.repo}/revision/${encodeURIComponent(model.revision ?? MAIN)}?blobs=true`;
  try {
    return await fetchJson(net, url, `The list of files of ${model.repo} on ${host(model)}`, readListing, signal);
  } catch (cause) {
    const { code, detail } = PhiError.from(cause);
    const refused = code === 'network' && detail?.status !== undefined;
    if (refused || code === 'integrity') return null;
    throw cause;
  }
}

function readListing(value: unknown): Listing {
  const result = v.safeParse(ListingSchema, value, { abortEarly: true });
  if (!result.success)
    throw new Fault(
      'content',
      `it is not a list of files (${v.getDotPath(result.issues[0]) ?? 'it'}: ${result.issues[0].message})`,
    );
  const { sha, siblings } = result.output;
  return {
    commit: sha,
    files: new Map(
      siblings.map(({ rfilename, size, lfs }) => [
        rfilename,
        { bytes: lfs?.size ?? size ?? null, sha256: lfs?.sha256 ?? null },
      ]),
    ),
  };
}

function fromListing(model: HubModel, { commit, files }: Listing, file: HubFile): HubFile | null {
  const listed = files.get(file.path);
  if (!listed) return null;
  const { bytes, sha256 } = listed;
  const differs = (mine: number | string | undefined, theirs: number | string | null) =>
    mine !== undefined && theirs !== null && mine !== theirs;
  if (differs(file.sha256, sha256) || differs(file.bytes, bytes)) {
    const message = `${file.path} of ${model.repo} on ${host(model)} is not the file that the catalogue knows`;
    throw new PhiError(
      'integrity',
      `${message} (${bytes} bytes, SHA-256 ${sha256 ?? 'unknown'}, at ${commit}). It was replaced there. Choose another variant.`,
      {
        path: file.path,
        bytes,
        sha256,
      },
    );
  }
  const size = file.bytes ?? bytes;
  if (size === null)
    throw new PhiError('network', `${host(model)} lists ${file.path} of ${model.repo} without its size.`, {
      path: file.path,
    });
  return { path: file.path, bytes: size, sha256: file.sha256 ?? sha256 ?? undefined };
}

/** The file with its size as the server reports it; null if it is not there. */
async function fromServer(net: Net, model: HubModel, file: HubFile, signal: AbortSignal): Promise<HubFile | null> {
  if (file.bytes !== undefined && !file.optional) return file;
  try {
    return {
      ...file,
      bytes: await sizeOf(net, fileUrl(model, model.revision, file.path), file.path, signal),
      optional: undefined,
    };
  } catch (cause) {
    if (cause instanceof PhiError && cause.detail?.status === 404) return null;
    throw cause;
  }
}

/** Bytes of what lies at `url`, asked of its server. `path` names it in messages. */
export async function sizeOf(net: Net, url: string, path: string, signal: AbortSignal): Promise<number> {
  const patience = new RetryPolicy(net, `The size of ${path}`);
  for (;;) {
    try {
      const bytes = (await sizeByRange(net, url, signal)) ?? (await sizeByHead(net, url, signal));
      if (bytes !== null) return bytes;
      const message = `${new URL(url).host} does not report the size of ${path}. It must support range requests and expose Content-Range to other origins.`;
      throw new PhiError('network', message, { path });
    } catch (cause) {
      await patience.next(cause, 0, signal);
    }
  }
}

async function sizeByRange(net: Net, url: string, signal: AbortSignal): Promise<number | null> {
  const answer = await ask(net, url, { from: 0, to: 0, total: null }, null, null, signal);
  answer.close();
  return answer.size;
}

/** Content-Length is open to every origin, but is the size only where the body is not encoded: at worst the download says that it differs. */
async function sizeByHead(net: Net, url: string, signal: AbortSignal): Promise<number | null> {
  const patient = AbortSignal.any([signal, AbortSignal.timeout(net.stallMs)]);
  try {
    const response = await net.fetch(url, {
      method: 'HEAD',
      cache: 'no-store',
      referrerPolicy: 'no-referrer',
      signal: patient,
    });
    const length = response.headers.get('Content-Length');
    return response.ok && length !== null && !response.headers.has('Content-Encoding') ? Number(length) : null;
  } catch (cause) {
    throw new Fault('connection', cause instanceof Error ? cause.message : String(cause), 0, { cause });
  }
}
