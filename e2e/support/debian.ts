/** Packages of Debian, unpacked into a folder: nothing is installed, and no root is needed. Needs apt-get and dpkg-deb, so Debian or one of its kind. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

const MIRROR = process.env.PHI_DEBIAN_MIRROR ?? 'http://deb.debian.org/debian';
const KEYS = '/usr/share/keyrings/debian-archive-keyring.gpg';

export interface DebianPackages {
  /** Debian's name of the version: "trixie". */
  suite: string;
  packages: readonly string[];
  /** Names of packages that are left out, though others need them. */
  without?: RegExp;
}

/** Unpacks the packages and all that they need, resolved against an empty system, into `root`. */
export async function unpackDebian({ suite, packages, without }: DebianPackages, root: string): Promise<void> {
  await inScratch(dirname(root), async (scratch) => {
    const options = await aptOptions(scratch, suite);
    await run('apt-get', [...options, 'update']);
    await run('apt-get', [...options, 'install', '--yes', '--download-only', ...packages], { maxBuffer: 2 ** 24 });
    const archives = join(scratch, 'cache/archives');
    const made = join(scratch, 'root');
    for (const name of await readdir(archives)) {
      if (name.endsWith('.deb') && !without?.test(name))
        await run('dpkg-deb', ['--extract', join(archives, name), made]);
    }
    await rename(made, root);
  });
}

/** Options that give apt-get a state of its own below `folder`, in which nothing is installed. */
async function aptOptions(folder: string, suite: string): Promise<string[]> {
  for (const path of ['state/lists/partial', 'cache/archives/partial', 'root'])
    await mkdir(join(folder, path), { recursive: true });
  await writeFile(join(folder, 'status'), '');
  const signed = existsSync(KEYS) ? `[signed-by=${KEYS}] ` : '';
  await writeFile(join(folder, 'sources.list'), `deb ${signed}${MIRROR} ${suite} main\n`);
  const settings = {
    'Dir::State': join(folder, 'state'),
    'Dir::State::status': join(folder, 'status'),
    'Dir::Cache': join(folder, 'cache'),
    'Dir::Etc::sourcelist': join(folder, 'sources.list'),
    'Dir::Etc::sourceparts': '/dev/null',
    'Dir::Etc::preferences': '/dev/null',
    'Dir::Etc::preferencesparts': '/dev/null',
    'APT::Architecture': 'amd64',
    'APT::Architectures::': 'amd64',
    'APT::Install-Recommends': 'false',
    'APT::Sandbox::User': '', // the downloads go to a folder of ours
    'Debug::NoLocking': 'true',
  };
  return Object.entries(settings).flatMap(([name, value]) => ['-o', `${name}=${value}`]);
}

/** A folder in `parent`, so that what is finished there is moved and never half copied. */
export async function inScratch(parent: string, work: (folder: string) => Promise<void>): Promise<void> {
  await mkdir(parent, { recursive: true });
  const folder = await mkdtemp(join(parent, 'making-'));
  try {
    await work(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
