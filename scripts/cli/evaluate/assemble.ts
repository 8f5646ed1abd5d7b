/** A model that lies as the app serves it (manifest.json and shards, like the starter) put together into whole files. */
import { createHash } from 'node:crypto';
import { mkdir, open, readFile, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { validateManifest } from '../../../workers/shared/manifest.ts';
import { ROOT } from '../../build/app.ts';

const CACHE = join(ROOT, 'node_modules', '.cache', 'assembled');

/** Files of the model in `folder`, assembled once into node_modules/.cache and verified against the manifest's SHA-256. */
export async function assembleModel(folder: string): Promise<string[]> {
  const manifest = validateManifest(JSON.parse(await readFile(join(folder, 'manifest.json'), 'utf8')));
  const target = join(CACHE, manifest.id);
  await mkdir(target, { recursive: true });
  const paths: string[] = [];
  for (const file of manifest.files) {
    const path = join(target, file.path);
    paths.push(path);
    if ((await stat(path).catch(() => null))?.size === file.bytes) continue;
    const staging = `${path}.${process.pid}`;
    const output = await open(staging, 'w');
    const hash = createHash('sha256');
    try {
      for (const shard of file.shards) {
        const bytes = (await readFile(join(folder, shard.url))).subarray(shard.offset, shard.offset + shard.bytes);
        hash.update(bytes);
        await output.writeFile(bytes);
      }
      if (file.sha256 !== undefined && hash.digest('hex') !== file.sha256)
        throw new Error(`${file.path}: the shards in ${folder} do not have the SHA-256 of the manifest.`);
      await output.close();
      await rename(staging, path);
    } finally {
      await output.close().catch(() => undefined);
      await rm(staging, { force: true });
    }
  }
  return paths;
}
