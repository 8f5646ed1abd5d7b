/** Finds the work of others that the build ships, in package-lock.json. */
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';

/** An entry of package-lock.json, lockfile version 3. */
interface LockedPackage {
  /** Where it differs from the folder: another package takes the place of the one that is asked for. */
  name?: string;
  version: string;
  license?: string;
  /** Subresource integrity of the archive, e.g. `sha512-...`. */
  integrity?: string;
  dev?: boolean;
  devOptional?: boolean;
  dependencies?: Record<string, string>;
  peerDependencies?: Record<string, string>;
}

export interface ShippedPackage {
  name: string;
  version: string;
  /** SPDX expression, as its package.json has it. */
  licence: string | undefined;
  integrity: string | undefined;
  /** Folder below the root of the repository. */
  path: string;
  /** Shipped packages that it needs, as `name@version`. */
  needs: string[];
}

/** `overrides` in package.json put it in the place of packages that the app does not need. */
const EMPTY = 'empty-npm-package';
const MODULES = 'node_modules/';
const LICENCE_FILE = /^(un)?licen[cs]e|^copying|^notice|^thirdpartynotice/i;

/** `name@version`. */
export const refOf = ({ name, version }: Pick<ShippedPackage, 'name' | 'version'>): string => `${name}@${version}`;

/** Name of the package that a file of `node_modules` belongs to; null for any other file. */
export function packageOf(file: string): string | null {
  const path = file.replaceAll('\\', '/');
  const at = path.lastIndexOf(MODULES);
  if (at === -1) return null;
  const [scope, name] = path.slice(at + MODULES.length).split('/');
  return scope!.startsWith('@') ? `${scope}/${name}` : scope!;
}

/** The place where Node finds `name` from the package at `path`: in its own folder, or in that of a package around it. */
function resolve(packages: Record<string, unknown>, path: string, name: string): string | null {
  for (let folder = path; ; folder = folder.slice(0, Math.max(0, folder.lastIndexOf(MODULES) - 1))) {
    const candidate = `${folder === '' ? '' : `${folder}/`}${MODULES}${name}`;
    if (candidate in packages) return candidate;
    if (folder === '') return null;
  }
}

/**
 * Packages that the app depends on, directly or not, sorted by name. Types leave nothing in the build. npm's own list (`npm sbom --omit=dev`) is not used: it
 * leaves out a package that a tool needs as well, and it differs between versions of npm.
 */
export async function shippedPackages(root: string): Promise<ShippedPackage[]> {
  const lock = JSON.parse(await readFile(join(root, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, LockedPackage>;
  };
  const shipped = new Map(
    Object.entries(lock.packages).filter(
      ([path, { name, dev, devOptional }]) =>
        path !== '' && name !== EMPTY && !dev && !devOptional && !path.includes('/@types/'),
    ),
  );
  const named = (path: string): ShippedPackage => {
    const { version, license, integrity, dependencies, peerDependencies } = shipped.get(path)!;
    const needs = Object.keys({ ...dependencies, ...peerDependencies })
      .map((name) => resolve(lock.packages, path, name))
      .filter((found) => found !== null && shipped.has(found))
      .map((found) => refOf({ name: packageOf(found!)!, version: shipped.get(found!)!.version }));
    return { name: packageOf(path)!, version, licence: license, integrity, path, needs: needs.sort() };
  };
  const byRef = new Map([...shipped.keys()].map(named).map((one) => [refOf(one), one]));
  return [...byRef.values()].sort((a, b) => (refOf(a) < refOf(b) ? -1 : 1));
}

/**
 * The licence as the package carries it. Some carry none: then the text of the project's repository, which stands in `scripts/build/licences`.
 * Null when neither is there.
 */
export async function licenceText(root: string, { name, path }: ShippedPackage): Promise<string | null> {
  const folder = join(root, path);
  const files = (await readdir(folder)).filter((file) => LICENCE_FILE.test(file)).sort();
  const texts = await Promise.all(files.map((file) => readFile(join(folder, file), 'utf8')));
  const own = texts.join('\n\n').trim();
  if (own !== '') return own;
  const kept = join(root, 'scripts/build/licences', `${name.replace('/', '+')}.txt`);
  return (await readFile(kept, 'utf8').catch(() => '')).trim() || null;
}
