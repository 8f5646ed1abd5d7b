/** Reads a file that a person adds: a result of this page, a run of llama-bench or of LocalMode Bench. */
import { PhiError } from '../../../workers/shared/errors.ts';
import { formatBytes } from '../../ui/format.ts';
import { checkResult, LARGEST_BYTES, parseJson, parseResult, type CompareResult } from '../result.ts';
import { LARGEST_FOREIGN_BYTES } from './foreign.ts';
import { fromLlamaBench, readTests } from './llama-bench.ts';
import { fromLocalMode, looksLikeLocalMode } from './localmode.ts';

/** Throws `bad-request` with the reason in words. What comes out has passed this page's own schema, whatever it was. */
export async function openResult(file: Blob & { name: string }): Promise<CompareResult> {
  refuseAbove(LARGEST_FOREIGN_BYTES, file);
  const json = await file.text();
  const tests = readTests(json);
  if (tests) return checkResult(fromLlamaBench(tests));
  if (looksLikeLocalMode(json)) return checkResult(fromLocalMode(parseJson(json, file.name)));
  refuseAbove(LARGEST_BYTES, file);
  return parseResult(json);
}

function refuseAbove(limit: number, { name, size }: Blob & { name: string }): void {
  if (size <= limit) return;
  throw new PhiError(
    'bad-request',
    `${name} is ${formatBytes(size, 'en')}. The limit for a result is ${formatBytes(limit, 'en')}.`,
  );
}
