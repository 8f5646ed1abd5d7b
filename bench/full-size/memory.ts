/** Memory of a browser's processes, from the system: what they hold between them, shared pages counted once (PSS). Linux. */
import { readdir, readFile } from 'node:fs/promises';

export interface Usage {
  /** Renderer processes: tabs with their workers. */
  tabBytes: number;
  /** All processes of the browser. */
  allBytes: number;
}

/** Processes whose command line holds `mark` (the profile's folder), and their children. */
async function usage(mark: string): Promise<Usage> {
  const processes = new Map<number, { parent: number; command: string }>();
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const stat = await readFile(`/proc/${name}/stat`, 'utf8').catch(() => null);
    const command = await readFile(`/proc/${name}/cmdline`, 'utf8').catch(() => null);
    if (stat === null || command === null) continue; // it has ended meanwhile
    processes.set(Number(name), { parent: Number(stat.slice(stat.lastIndexOf(')') + 4).split(' ')[0]), command });
  }
  const ours = (pid: number): boolean => {
    const found = processes.get(pid);
    return found !== undefined && (found.command.includes(mark) || ours(found.parent));
  };
  const total: Usage = { tabBytes: 0, allBytes: 0 };
  for (const [pid, { command }] of processes) {
    if (!ours(pid)) continue;
    const rollup = await readFile(`/proc/${pid}/smaps_rollup`, 'utf8').catch(() => '');
    const bytes = Number(/^Pss:\s+(\d+)/m.exec(rollup)?.[1] ?? 0) * 1024;
    total.allBytes += bytes;
    if (command.includes('--type=renderer')) total.tabBytes += bytes;
  }
  return total;
}

/** Looks every `intervalMs` until `stop`, which resolves with the highest figures since the last `take`. */
export class MemoryWatch {
  readonly #mark: string;
  #peak: Usage = { tabBytes: 0, allBytes: 0 };
  #running = true;
  readonly #loop: Promise<void>;

  constructor(mark: string, intervalMs = 500) {
    this.#mark = mark;
    this.#loop = this.#run(intervalMs);
  }

  async #run(intervalMs: number): Promise<void> {
    while (this.#running) {
      const { tabBytes, allBytes } = await usage(this.#mark);
      this.#peak = { tabBytes: Math.max(this.#peak.tabBytes, tabBytes), allBytes: Math.max(this.#peak.allBytes, allBytes) };
      await new Promise((resolve) => setTimeout(resolve, intervalMs));
    }
  }

  /** The peaks since the last call. */
  take(): Usage {
    const peak = this.#peak;
    this.#peak = { tabBytes: 0, allBytes: 0 };
    return peak;
  }

  async stop(): Promise<void> {
    this.#running = false;
    await this.#loop;
  }
}
