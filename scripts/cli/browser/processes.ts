/** Processes of a browser, from the system. Linux only. */
import { readdir, readFile } from 'node:fs/promises';

export interface Process {
  pid: number;
  /** Its arguments, separated by zeros. */
  command: string;
}

/** Everything below the processes for which `isRoot` holds, those included. What ends meanwhile is left out. */
export async function processTree(isRoot: (process: Process) => boolean): Promise<Process[]> {
  const all = new Map<number, Process & { parent: number }>();
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const stat = await readFile(`/proc/${name}/stat`, 'utf8').catch(() => null);
    const command = await readFile(`/proc/${name}/cmdline`, 'utf8').catch(() => null);
    if (stat === null || command === null) continue;
    // Behind the name in brackets, which may hold anything: state, parent.
    all.set(Number(name), {
      pid: Number(name),
      command,
      parent: Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]),
    });
  }
  const isOurs = (pid: number): boolean => {
    const found = all.get(pid);
    return found !== undefined && (isRoot(found) || isOurs(found.parent));
  };
  return [...all.values()].filter(({ pid }) => isOurs(pid));
}

/** A figure of /proc/PID/FILE in bytes, by the name that begins its line; 0 when it cannot be read. */
export async function processBytes({ pid }: Process, file: 'status' | 'smaps_rollup', name: string): Promise<number> {
  const text = await readFile(`/proc/${pid}/${file}`, 'utf8').catch(() => '');
  return 1024 * Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(text)?.[1] ?? 0);
}
