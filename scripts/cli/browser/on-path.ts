/** Programs that the machine has. */
import { access, constants } from 'node:fs/promises';
import { delimiter, join } from 'node:path';

/** The first of `names` on the PATH, folder by folder; null when there is none. */
export function findOnPath(names: readonly string[]): Promise<string | null> {
  return firstExecutable(
    (process.env.PATH ?? '').split(delimiter).flatMap((folder) => names.map((name) => join(folder, name))),
  );
}

/** The first of these files that can be run; null when none can. */
export async function firstExecutable(candidates: readonly string[]): Promise<string | null> {
  for (const candidate of candidates) {
    const found = await access(candidate, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (found) return candidate;
  }
  return null;
}
