import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const CASES = join(import.meta.dirname, '../../../../../shared/cases');

/** A file of inputs that lies beside the repository; null, said aloud, where it does not: what it shows is tested with own data besides. */
export function sharedCases<T>(path: string): T | null {
  const file = join(CASES, path);
  if (existsSync(file)) {
    const text = readFileSync(file, 'utf8');
    return (path.endsWith('.json') ? JSON.parse(text) : text) as T;
  }
  // eslint-disable-next-line no-console -- a skipped test must say why
  console.warn(`skipped: ${path} is not in ../shared/cases beside the repository`);
  return null;
}
