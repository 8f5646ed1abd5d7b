/** The starter as one file, as other programs read it: the app serves it in shards. */
import { appendFile, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ROOT } from '../../scripts/build/app.ts';
import { STARTER_ID } from '../../src/models/starter.ts';
import type { ModelManifest } from '../../workers/shared/protocol.ts';

export interface StarterFile {
  path: string;
  remove(): Promise<void>;
}

export async function joinStarter(): Promise<StarterFile> {
  const shards = join(ROOT, 'public/models', STARTER_ID);
  const manifest = JSON.parse(await readFile(join(shards, 'manifest.json'), 'utf8')) as ModelManifest;
  const folder = await mkdtemp(join(tmpdir(), 'phi-starter-'));
  const path = join(folder, 'starter.gguf');
  for (const { url } of manifest.files[0]!.shards) await appendFile(path, await readFile(join(shards, url)));
  return { path, remove: () => rm(folder, { recursive: true, force: true }) };
}
