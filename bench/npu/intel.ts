/** Intel's NPU compiler: what it says of a graph. It estimates with a cost model of its own; nothing is run. */
import { spawn } from 'node:child_process';
import { mkdtemp, open, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ROOT } from '../../scripts/build/app.ts';
import type { IntelLab } from './packages.ts';
import type { Verdict } from './rows.ts';

/** OpenVINO's numbers of the generations: Meteor Lake, Lunar Lake, Panther Lake. */
export const INTEL_PLATFORMS = ['3720', '4000', '5010'] as const;
export type IntelPlatform = (typeof INTEL_PLATFORMS)[number];

/** Compiles a model of the disk. `seconds`: after it the compiler is stopped and the row says so. */
export async function compileForIntel(
  lab: IntelLab,
  model: string,
  platform: IntelPlatform,
  seconds: number,
): Promise<Verdict> {
  const folder = await mkdtemp(join(tmpdir(), 'phi-npu-'));
  try {
    const blob = join(folder, 'blob');
    const script = join(ROOT, 'bench/npu/intel-compile.ts');
    const { output, timedOut } = await runChild(
      lab,
      [lab.path(script), lab.libraries, lab.koffi, lab.path(model), platform, lab.path(blob)],
      join(folder, 'log'),
      seconds,
    );
    const bytes = (await stat(blob).catch(() => null))?.size ?? 0;
    return readVerdict(output, bytes, timedOut ? seconds : null);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Reads the compiler's log and result line. */
export function readVerdict(output: string, blobBytes: number, stoppedAfterSeconds: number | null): Verdict {
  const nothing = { whole: false, blobBytes: 0, compileMs: 0, estimatedMs: null };
  if (stoppedAfterSeconds !== null)
    return { ...nothing, refused: [`the compiler did not finish within ${stoppedAfterSeconds} s, so it was stopped`] };
  const line = output.split('\n').findLast((text) => text.startsWith('RESULT '));
  if (!line) return { ...nothing, refused: [`the compiler ended without a message: ${output.trim().slice(-300)}`] };
  const result = JSON.parse(line.slice(7)) as { failed: string | null; message: string; compileMs: number };
  if (result.failed) return { ...nothing, refused: [`${result.failed}: ${reason(output, result.message)}`] };
  const estimate = /Estimated inference latency: ([0-9.]+) us/.exec(output)?.[1];
  return {
    whole: true,
    refused: [],
    blobBytes,
    compileMs: Math.round(result.compileMs),
    estimatedMs: estimate ? Number(estimate) / 1000 : null,
  };
}

/** The compiler's own error line, which says more than OpenVINO's message around it. */
function reason(output: string, message: string): string {
  const lines = output.split('\n').filter((text) => /error:|failed to legalize|Got Diagnostic/i.test(text));
  return (lines[0] ?? message).trim().slice(0, 400);
}

/** The log goes to a file: Wine does not take the sockets that Node calls pipes. */
async function runChild(
  lab: IntelLab,
  args: readonly string[],
  log: string,
  seconds: number,
): Promise<{ output: string; timedOut: boolean }> {
  const [program, ...leading] = lab.command as [string, ...string[]];
  const file = await open(log, 'w');
  try {
    const timedOut = await new Promise<boolean>((resolve, reject) => {
      const child = spawn(program, [...leading, ...args], { env: lab.env, stdio: ['ignore', file.fd, file.fd] });
      const timer = setTimeout(() => child.kill('SIGKILL'), seconds * 1000);
      child.on('error', reject);
      child.on('close', (_code, signal) => {
        clearTimeout(timer);
        resolve(signal === 'SIGKILL');
      });
    });
    return { output: await readFile(log, 'utf8'), timedOut };
  } finally {
    await file.close();
  }
}
