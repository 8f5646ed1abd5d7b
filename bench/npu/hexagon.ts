/** Qualcomm's compiler and simulator: whether Hexagon takes a graph, and how far its results are from the CPU's. It says nothing of speed. */
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { ROOT } from '../../scripts/build/app.ts';
import { writeFeeds, type GraphFeed } from './feeds.ts';
import type { TextVerdict, Verdict } from './rows.ts';

const run = promisify(execFile);

interface Result {
  failed: 'compile' | 'run' | null;
  message: string;
  compileMs: number;
  differences: Record<string, { largest: number; difference: number | null }>;
  text: TextVerdict | null;
}

/** Compiles and runs a model of the disk with these inputs. `ids`: the run's tokens, where its head is to be computed on every row. */
export async function tryOnHexagon(
  python: string,
  model: string,
  feeds: Readonly<Record<string, GraphFeed>>,
  ids: readonly number[] | null,
  seconds: number,
): Promise<Verdict> {
  const folder = await mkdtemp(join(tmpdir(), 'phi-npu-'));
  const nothing = { whole: false, blobBytes: 0, compileMs: 0, estimatedMs: null };
  try {
    const args = [model, await writeFeeds(join(folder, 'feeds'), feeds)];
    if (ids) {
      args.push(join(folder, 'ids.json'));
      await writeFile(args.at(-1)!, JSON.stringify(ids));
    }
    const { stdout } = await run(python, [join(ROOT, 'bench/npu/hexagon.py'), ...args], {
      timeout: seconds * 1000,
      maxBuffer: 64 * 2 ** 20,
    });
    const line = stdout.split('\n').findLast((text) => text.startsWith('RESULT '));
    if (!line) return { ...nothing, refused: ['the simulator ended without a message'] };
    const { failed, message, compileMs, differences, text } = JSON.parse(line.slice(7)) as Result;
    if (failed)
      return { ...nothing, compileMs, refused: [`${failed}: ${message.replaceAll('\n', ' ').slice(0, 400)}`] };
    const taken = { whole: true, refused: [], blobBytes: 0, compileMs, estimatedMs: null, differences };
    return text ? { ...taken, text } : taken;
  } catch (error) {
    const stopped = error instanceof Error && 'killed' in error && error.killed === true;
    const why = stopped ? `it did not finish within ${seconds} s, so it was stopped` : String(error).slice(-300);
    return { ...nothing, refused: [why] };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
