/** What the build ships of others' work: their licences as a file that the app shows, and a bill of materials (CycloneDX 1.5). */
import { execFile } from 'node:child_process';
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Plugin } from 'vite';
import type { Licence } from '../../src/settings/licences.ts';
import type { ModelManifest } from '../../workers/shared/protocol.ts';

const LICENCES = 'licences.json';
const SBOM = 'sbom.cdx.json';
const LICENCE_FILE = /^(un)?licen[cs]e|^copying|^notice|^thirdpartynotice/i;

interface LockedPackage {
  version: string;
  license?: string;
  dev?: boolean;
  devOptional?: boolean;
}

/** Packages that the app depends on, from the lockfile; types leave nothing in the build. Sorted by name. */
export async function shippedLicences(root: string): Promise<Licence[]> {
  const lock = JSON.parse(await readFile(join(root, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, LockedPackage>;
  };
  const shipped = Object.entries(lock.packages).filter(
    ([path, { dev, devOptional }]) => path !== '' && !dev && !devOptional && !path.includes('/@types/'),
  );
  const licences = await Promise.all(
    shipped.map(([path, { version, license }]) => packageLicence(join(root, path), nameOf(path), version, license)),
  );
  return [...licences, ...(await modelManifests(root)).map(modelLicence)].sort((a, b) =>
    a.name.localeCompare(b.name, 'en'),
  );
}

const nameOf = (path: string): string => path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length);

async function packageLicence(
  folder: string,
  name: string,
  version: string,
  licence: string | undefined,
): Promise<Licence> {
  const files = (await readdir(folder)).filter((file) => LICENCE_FILE.test(file)).sort();
  const texts = await Promise.all(files.map((file) => readFile(join(folder, file), 'utf8')));
  if (!licence && texts.length === 0) throw new Error(`${name} ${version} names no licence: it must not be shipped.`);
  return { name, version, licence: licence ?? 'see text', text: texts.join('\n\n').trim() || null };
}

async function modelManifests(root: string): Promise<ModelManifest[]> {
  const models = join(root, 'public/models');
  const names = await readdir(models);
  return Promise.all(
    names.map(async (name) => JSON.parse(await readFile(join(models, name, 'manifest.json'), 'utf8')) as ModelManifest),
  );
}

function modelLicence({ name, licence, source }: ModelManifest): Licence {
  return { name, version: '', licence: licence.spdx, text: `${source.name}\n${source.url}\n${licence.url}` };
}

interface Bill {
  metadata: { component: { 'bom-ref': string; name: string } };
  components: { 'bom-ref': string; type: string; name: string; properties?: { name: string; value: string }[] }[];
  dependencies: { ref: string }[];
}

/** The bill of materials: npm's own list of what is installed for the app, and the models beside it with their hashes. */
export async function billOfMaterials(root: string): Promise<Bill> {
  const npm = promisify(execFile)('npm', ['sbom', '--sbom-format=cyclonedx'], {
    cwd: root,
    shell: process.platform === 'win32',
    maxBuffer: 64 * 1024 * 1024,
  });
  const bill = JSON.parse((await npm).stdout) as Bill;
  // npm 11 leaves out too much with --omit=dev: what a tool needs as well is gone.
  const components = bill.components.filter(
    ({ properties }) => !properties?.some(({ name }) => name === 'cdx:npm:package:development'),
  );
  const refs = new Set([bill.metadata.component['bom-ref'], ...components.map((one) => one['bom-ref'])]);
  const models = (await modelManifests(root)).flatMap(({ id, name, files, licence }) =>
    files.map(({ path, sha256 }) => ({
      'bom-ref': `${id}/${path}`,
      type: 'machine-learning-model',
      name,
      licenses: [{ license: { id: licence.spdx } }],
      ...(sha256 ? { hashes: [{ alg: 'SHA-256', content: sha256 }] } : {}),
    })),
  );
  const { name } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as { name: string };
  return {
    ...bill,
    metadata: { ...bill.metadata, component: { ...bill.metadata.component, name } }, // npm takes the name of the folder
    components: [...components, ...models],
    dependencies: bill.dependencies.filter(({ ref }) => refs.has(ref)),
  };
}

/** Adds both files to the build; the development server answers for the licences. */
export function supplyChain(root: string): Plugin {
  return {
    name: 'supply-chain',
    async generateBundle() {
      const [licences, bill] = await Promise.all([shippedLicences(root), billOfMaterials(root)]);
      this.emitFile({ type: 'asset', fileName: LICENCES, source: JSON.stringify(licences) });
      this.emitFile({ type: 'asset', fileName: SBOM, source: JSON.stringify(bill, null, 2) });
    },
    configureServer({ middlewares }) {
      middlewares.use(`/${LICENCES}`, (_request, response, next) => {
        shippedLicences(root).then(
          (licences) => response.setHeader('Content-Type', 'application/json').end(JSON.stringify(licences)),
          next,
        );
      });
    },
  };
}
