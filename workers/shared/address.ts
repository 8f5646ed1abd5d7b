/** What a person gives as the place of a model: a repository of a hub, a folder or file in one, or any file's URL. */
import { PhiError } from './errors.ts';
import { DEFAULT_HUB, isHubBase, MAIN } from './hub.ts';

export type Address =
  | {
      kind: 'repo';
      base: string;
      repo: string;
      /** Branch or commit. */
      revision: string;
      /** Folder or file inside; '' is all of it. */
      path: string;
    }
  | { kind: 'file'; url: string };

const NAME = /^\w[\w.-]*\/\w[\w.-]*$/;
/** `/owner/name`, `/owner/name/tree/main/folder`, `/owner/name/resolve/main/file` */
const HUB_PATH = /^\/(\w[\w.-]*\/\w[\w.-]*)(?:\/(?:tree|blob|resolve|raw)\/([^/]+)(?:\/(.*))?)?\/?$/;

/** @param hub where "owner/name" is looked up: an address without a slash at its end. Throws `bad-request` for anything else. */
export function parseAddress(text: string, hub: string): Address {
  const trimmed = text.trim();
  const base = isHubBase(hub) ? hub : DEFAULT_HUB;
  if (NAME.test(trimmed)) return { kind: 'repo', base, repo: trimmed, revision: MAIN, path: '' };
  if (!URL.canParse(trimmed)) throw wrong(trimmed);
  const url = new URL(trimmed);
  if ((url.protocol !== 'https:' && url.protocol !== 'http:') || url.username || url.password) throw wrong(trimmed);
  const hosts = [base, DEFAULT_HUB].filter((one) => trimmed.startsWith(`${one}/`));
  const [home] = hosts;
  if (home === undefined) return { kind: 'file', url: url.href };
  const [, repo, revision = MAIN, path = ''] =
    HUB_PATH.exec(decodeURIComponent(url.pathname.slice(new URL(home).pathname.replace(/\/$/, '').length))) ?? [];
  if (repo === undefined) throw wrong(trimmed);
  return { kind: 'repo', base: home, repo, revision, path: path.replace(/\/+$/, '') };
}

const wrong = (text: string) =>
  new PhiError(
    'bad-request',
    `"${text.slice(0, 200)}" is neither a repository ("owner/name") nor an http(s) address without a password. Copy it from the address bar.`,
  );
