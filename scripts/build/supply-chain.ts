/** Lists the work of others that the build ships: their licences as a file that the app shows, and a bill of materials (CycloneDX 1.5). */
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Plugin } from 'vite';
import type { Licence } from '../../src/settings/licences.ts';
import type { ModelManifest } from '../../workers/shared/protocol.ts';
import { licenceText, packageOf, refOf, shippedPackages, type ShippedPackage } from './shipped.ts';

const LICENCES = 'licences.json';
const SBOM = 'sbom.cdx.json';

/** Licences of the packages and of the models that are shipped, sorted by name. Throws when a package has no text: it must not be shipped without. */
export async function shippedLicences(root: string): Promise<Licence[]> {
  const packages = await shippedPackages(root);
  const licences = await Promise.all(
    packages.map(async (one): Promise<Licence> => {
      const { name, version, licence = 'see text' } = one;
      return { name, version, licence, text: await licenceText(root, one) };
    }),
  );
  const without = licences.filter(({ text }) => text === null).map(refOf);
  if (without.length > 0)
    throw new Error(
      `No licence text for ${without.join(', ')}. Put the text of the project's repository into scripts/build/licences/NAME.txt ` +
        "('/' in a name becomes '+').",
    );
  return [...licences, ...(await modelManifests(root)).map(modelLicence)].sort((a, b) =>
    a.name.localeCompare(b.name, 'en'),
  );
}

async function modelManifests(root: string): Promise<ModelManifest[]> {
  const models = join(root, 'public/models');
  const names = (await readdir(models)).sort();
  return Promise.all(
    names.map(async (name) => JSON.parse(await readFile(join(models, name, 'manifest.json'), 'utf8')) as ModelManifest),
  );
}

function modelLicence({ name, licence, source }: ModelManifest): Licence {
  return { name, version: '', licence: licence.spdx, text: `${source.name}\n${source.url}\n${licence.url}` };
}

/** A component of CycloneDX 1.5, as far as it is used here. */
interface Component {
  'bom-ref': string;
  type: 'library' | 'machine-learning-model';
  name: string;
  version?: string;
  purl?: string;
  licenses?: object[];
  hashes?: { alg: string; content: string }[];
}

interface Bill {
  metadata: { component: object };
  components: Component[];
  dependencies: { ref: string; dependsOn: string[] }[];
}

const licensesOf = (spdx: string): object[] =>
  /[ (]/.test(spdx) ? [{ expression: spdx }] : [{ license: { id: spdx } }];

function libraryOf({ name, version, licence, integrity }: ShippedPackage): Component {
  const [algorithm, base64] = integrity?.split('-') ?? [];
  return {
    'bom-ref': refOf({ name, version }),
    type: 'library',
    name,
    version,
    purl: `pkg:npm/${name.replace('@', '%40')}@${version}`,
    ...(licence ? { licenses: licensesOf(licence) } : {}),
    ...(algorithm === 'sha512' && base64
      ? { hashes: [{ alg: 'SHA-512', content: Buffer.from(base64, 'base64').toString('hex') }] }
      : {}),
  };
}

/** The bill of materials: every shipped package and model. It has no time and no serial number, so that two builds of the same sources are the same bytes. */
export async function billOfMaterials(root: string): Promise<Bill> {
  const packages = await shippedPackages(root);
  const models = (await modelManifests(root)).flatMap(({ id, name, files, licence }) =>
    files.map(({ path, sha256 }): Component => ({
      'bom-ref': `${id}/${path}`,
      type: 'machine-learning-model',
      name,
      licenses: licensesOf(licence.spdx),
      ...(sha256 ? { hashes: [{ alg: 'SHA-256', content: sha256 }] } : {}),
    })),
  );
  const { name, version, license, dependencies } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as {
    name: string;
    version: string;
    license: string;
    dependencies: Record<string, string>;
  };
  const app = refOf({ name, version });
  const direct = packages.filter((one) => one.path === `node_modules/${one.name}` && one.name in dependencies);
  const format = {
    $schema: 'http://cyclonedx.org/schema/bom-1.5.schema.json',
    bomFormat: 'CycloneDX',
    specVersion: '1.5',
  };
  return {
    ...format,
    metadata: {
      component: { 'bom-ref': app, type: 'application', name, version, licenses: licensesOf(license) },
    },
    components: [...packages.map(libraryOf), ...models],
    dependencies: [
      { ref: app, dependsOn: [...direct.map(refOf), ...models.map((model) => model['bom-ref'])] },
      ...packages.map((one) => ({ ref: refOf(one), dependsOn: one.needs })),
    ],
  };
}

/** Throws when a script of the build has code of a package that is not among `names`. */
export function assertListed(moduleIds: Iterable<string>, names: ReadonlySet<string>): void {
  const bundled = new Set([...moduleIds].map(packageOf).filter((name) => name !== null));
  const unlisted = [...bundled].filter((name) => !names.has(name));
  if (unlisted.length > 0)
    throw new Error(
      `The build contains ${unlisted.sort().join(', ')}, but the bill of materials does not list it. Add it to "dependencies" in package.json.`,
    );
}

/** For each bundle that is part of the app, the workers' too: every package in it is listed. */
export function listedOnly(root: string): Plugin {
  return {
    name: 'listed-only',
    apply: 'build',
    async generateBundle(_options, bundle) {
      const names = new Set((await shippedPackages(root)).map(({ name }) => name));
      const modules = Object.values(bundle).flatMap((output) => (output.type === 'chunk' ? output.moduleIds : []));
      assertListed(modules, names);
    },
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
