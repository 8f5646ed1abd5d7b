import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const CASES = join(import.meta.dirname, '../../../../../shared/cases');

/** A file of inputs that lies beside the repository; null where it does not. It adds to what the repository's own inputs show. */
export function sharedCases<T>(path: string): T | null {
  const file = join(CASES, path);
  if (existsSync(file)) {
    const text = readFileSync(file, 'utf8');
    return (path.endsWith('.json') ? JSON.parse(text) : text) as T;
  }
  return null;
}
