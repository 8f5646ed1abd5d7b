/** Reads a file that a person adds: a result of this page, a run of llama-bench or of LocalMode Bench. */
import { PhiError } from '../../../workers/shared/errors.ts';
import { formatBytes } from '../../ui/format.ts';
import { checkResult, LARGEST_BYTES, parseResult, type CompareResult } from '../result.ts';
import { LARGEST_FOREIGN_BYTES } from './foreign.ts';
import { fromLlamaBench, readTests } from './llama-bench.ts';
import { fromLocalMode, looksLikeLocalMode } from './localmode.ts';

/** Throws `bad-request` with the reason in words. What comes out has passed this page's own schema, whatever it was. */
export async function openResult(file: Blob & { name: string }): Promise<CompareResult> {
  const tooLarge = () =>
    new PhiError(
      'bad-request',
      `${file.name} has ${formatBytes(file.size, 'en')}. Results of this page are far smaller.`,
    );
  if (file.size > LARGEST_FOREIGN_BYTES) throw tooLarge();
  const json = await file.text();
  const tests = readTests(json);
  if (tests) return checkResult(fromLlamaBench(tests));
  if (looksLikeLocalMode(json)) {
    let run: unknown;
    try {
      run = JSON.parse(json);
    } catch {
      throw new PhiError('bad-request', `${file.name} is not JSON. It is damaged or cut off.`);
    }
    return checkResult(fromLocalMode(run));
  }
  if (file.size > LARGEST_BYTES) throw tooLarge();
  return parseResult(json);
}
