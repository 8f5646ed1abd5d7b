/** What weights were made of that are made before all shards of their model are there. */
import type { ModelManifest } from '../shared/protocol.ts';
import { sha256Hex } from './hash.ts';
import { slotsOf } from './inventory.ts';
import type { MadeOf } from './tables.ts';

/** `hashes`: of the shards, by key, in the order of the manifest; null where it is unknown. Returns null if one that was read has no hash. */
export async function describeMadeOf(
  hashes: readonly (readonly [key: string, sha256: string | null])[],
  shards: readonly number[],
): Promise<MadeOf | null> {
  const lines: string[] = [];
  for (const place of shards) {
    const [key, sha256] = hashes[place] ?? [];
    if (key === undefined || !sha256) return null;
    lines.push(`${key} ${sha256}`);
  }
  return { shards: [...shards], sha256: await sha256Hex(new TextEncoder().encode(lines.join('\n'))) };
}

/** True if the shards that were read are those of `model`. */
export async function isMadeOf(model: ModelManifest, { shards, sha256 }: MadeOf): Promise<boolean> {
  const hashes = slotsOf(model).map(({ key, shard }) => [key, shard.sha256 ?? null] as const);
  return (await describeMadeOf(hashes, shards))?.sha256 === sha256;
}
