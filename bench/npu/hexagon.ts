/** Qualcomm's compiler and simulator: whether Hexagon takes a graph, and how far its results are from the CPU's. It says nothing of speed. */
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { ROOT } from '../../scripts/build/app.ts';
import type { GraphFeed } from './feeds.ts';
import type { Verdict } from './rows.ts';

const run = promisify(execFile);

interface Result {
  failed: 'compile' | 'run' | null;
  message: string;
  compileMs: number;
  differences: Record<string, { largest: number; difference: number | null }>;
}

/** Compiles and runs a model of the disk with these inputs. */
export async function tryOnHexagon(
  python: string,
  model: string,
  feeds: Readonly<Record<string, GraphFeed>>,
  seconds: number,
): Promise<Verdict> {
  const folder = await mkdtemp(join(tmpdir(), 'phi-npu-'));
  const nothing = { whole: false, blobBytes: 0, compileMs: 0, estimatedMs: null };
  try {
    await mkdir(join(folder, 'feeds'));
    const described: Record<string, { dtype: string; dims: readonly number[]; file: string }> = {};
    for (const [name, { dtype, dims, data }] of Object.entries(feeds)) {
      const file = `${Object.keys(described).length}.bin`;
      described[name] = { dtype, dims, file };
      await writeFile(join(folder, 'feeds', file), new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
    }
    const feedsPath = join(folder, 'feeds', 'feeds.json');
    await writeFile(feedsPath, JSON.stringify(described));
    const { stdout } = await run(python, [join(ROOT, 'bench/npu/hexagon.py'), model, feedsPath], {
      timeout: seconds * 1000,
      maxBuffer: 64 * 2 ** 20,
    });
    const line = stdout.split('\n').findLast((text) => text.startsWith('RESULT '));
    if (!line) return { ...nothing, refused: ['the simulator ended without a word'] };
    const { failed, message, compileMs, differences } = JSON.parse(line.slice(7)) as Result;
    if (failed)
      return { ...nothing, compileMs, refused: [`${failed}: ${message.replaceAll('\n', ' ').slice(0, 400)}`] };
    return { whole: true, refused: [], blobBytes: 0, compileMs, estimatedMs: null, differences };
  } catch (error) {
    const stopped = error instanceof Error && 'killed' in error && error.killed === true;
    const why = stopped ? `still at work after ${seconds} s, stopped` : String(error).slice(-300);
    return { ...nothing, refused: [why] };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
