/** A model behind an address, as files that are read by ranges and as what `install` takes. */
import { PhiError } from '../shared/errors.ts';
import type { ModelManifest } from '../shared/protocol.ts';
import { parseAddress, type Address } from '../shared/address.ts';
import type { ModelFiles } from './bytes.ts';
import { sha256Hex } from './hash.ts';
import { nameOfFile } from '../shared/model-name.ts';
import { hubManifest, fileUrl, type HubModel } from '../shared/hub.ts';
import { httpSource } from './http-source.ts';
import { cutFile, validateManifest } from '../shared/manifest.ts';
import type { Net } from './net.ts';
import { listRepository, sizeOf } from './resolve-files.ts';

/** Beside a model in a repository, but no part of one. */
const NO_MODEL = /(^|\/)(\.[^/]*|README[^/]*|LICENSE[^/]*|[^/]*\.(md|png|jpe?g|gif|svg|pdf|py|ipynb))$/i;

export interface Remote {
  files: ModelFiles;
  /** The manifest of some of the files, `root` being the model's top level. */
  manifest(paths: readonly string[], root: string, what: string | null): Promise<ModelManifest>;
}

type Repo = Extract<Address, { kind: 'repo' }>;

/** Asks the server what is there. Rejects with `bad-request` or `network`. */
export async function openAddress(net: Net, text: string, hub: string, signal: AbortSignal): Promise<Remote> {
  const address = parseAddress(text, hub);
  return address.kind === 'file' ? openFile(net, address.url, signal) : openRepo(net, address, signal);
}

async function openFile(net: Net, url: string, signal: AbortSignal): Promise<Remote> {
  const { host, pathname } = new URL(url);
  const path = decodeURIComponent(pathname.slice(pathname.lastIndexOf('/') + 1)) || 'model';
  const bytes = await sizeOf(net, url, path, signal);
  return {
    files: new Map([[path, httpSource(path, url, bytes)]]),
    manifest: async (_paths, _root, what) =>
      named(
        {
          id: await idOf(path, url),
          name: nameOfFile(path) ? path : (repositoryOf(pathname) ?? path),
          licence: UNKNOWN,
          source: { name: host, url },
          bytes,
          files: [cutFile(path, url, bytes)],
        },
        what,
      ),
  };
}

async function openRepo(net: Net, address: Repo, signal: AbortSignal): Promise<Remote> {
  const { base, repo, revision, path } = address;
  const listing = await listRepository(net, { base, repo, revision }, signal);
  const host = new URL(base).host;
  if (!listing)
    throw new PhiError(
      'network',
      `${host} does not list the files of ${repo} at ${revision}. Check the name, or give the address of a file.`,
      { repo },
    );
  const below = [...listing.files].filter(
    ([name]) => (path === '' || name === path || name.startsWith(`${path}/`)) && !NO_MODEL.test(name),
  );
  const inside = address.quantisation === undefined ? below : quantised(below, repo, address.quantisation);
  if (inside.length === 0)
    throw new PhiError('bad-request', `${repo} at ${revision} has nothing at "${path}".`, { repo });
  const files = inside.flatMap(([name, { bytes }]) => (bytes === null ? [] : [[name, bytes] as const]));
  return {
    files: new Map(
      files.map(([name, bytes]) => [name, httpSource(name, fileUrl({ base, repo }, listing.commit, name), bytes)]),
    ),
    async manifest(paths, root, what) {
      const model: HubModel = {
        kind: 'hub',
        id: await idOf(repo.slice(repo.indexOf('/') + 1), [base, repo, listing.commit, ...paths].join('\n')),
        name: nameIn(repo, root, paths),
        licence: UNKNOWN,
        base,
        repo,
        revision: listing.commit,
        folder: root,
        files: paths.map((name) => ({
          path: name,
          bytes: listing.files.get(name)?.bytes ?? undefined,
          sha256: listing.files.get(name)?.sha256 ?? undefined,
        })),
      };
      return named(hubManifest(model), what);
    },
  };
}

/** Its file, its only name among parts, or the repository and folder. */
function nameIn(repo: string, root: string, paths: readonly string[]): string {
  const [first = ''] = paths;
  const names = new Set(paths.map(nameOfFile));
  const [name] = names;
  if (paths.length === 1 && name) return first.slice(first.lastIndexOf('/') + 1);
  if (names.size === 1 && name) return name;
  return `${repo}${root ? `/${root.slice(0, -1)}` : ''}`;
}

/** "owner/name" of a file's address at a hub: `/owner/name/resolve/main/model.safetensors`. */
const repositoryOf = (pathname: string): string | undefined => /^\/([^/]+\/[^/]+)\/resolve\//.exec(pathname)?.[1];

/** The GGUF files of one quantisation, in all of their parts: "Q4_K_M" in a file's or folder's name, in any case. */
function quantised<T>(files: readonly [string, T][], repo: string, quantisation: string): [string, T][] {
  const ggufs = files.filter(([name]) => /\.gguf$/i.test(name) && !/mmproj/i.test(name));
  const word = quantisation.replace(/[.]/g, '\\$&');
  const named = new RegExp(`(^|[-./])${word}([-./]|$)`, 'i');
  const found = ggufs.filter(([name]) => named.test(name));
  if (found.length > 0) return found;
  const KINDS = /(?:UD-)?(?:I?Q\d[A-Z0-9_]*|BF16|F16|F32|TQ\d[A-Z0-9_]*|(?:MX|NV)FP4[A-Z0-9_]*)(?=[-./])/gi;
  const known = [...new Set(ggufs.flatMap(([name]) => name.match(KINDS) ?? []))];
  const has = known.length > 0 ? `It has ${known.sort().join(', ')}.` : 'It has no GGUF files.';
  throw new PhiError('bad-request', `${repo} has no quantisation "${quantisation}". ${has}`, { repo });
}

const UNKNOWN = { spdx: 'unknown', url: '' };

function named(manifest: Omit<ModelManifest, 'format' | 'what'>, what: string | null): ModelManifest {
  return validateManifest({ ...manifest, format: 1, ...(what === null ? {} : { what }) });
}

/** The same place gives the same id, so that a download that broke off goes on. */
async function idOf(name: string, place: string): Promise<string> {
  const slug = name.replace(/[^A-Za-z0-9._-]+/g, '-').replace(/^[^A-Za-z0-9]+/, '');
  return `${slug.slice(0, 80) || 'model'}-${(await sha256Hex(new TextEncoder().encode(place))).slice(0, 12)}`;
}
