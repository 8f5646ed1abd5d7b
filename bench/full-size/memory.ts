/** Memory of a browser's processes, from the system: what they hold between them, shared pages counted once (PSS). Linux. */
import { processBytes, processTree } from '../../scripts/cli/browser/processes.ts';

export interface Usage {
  /** Renderer processes: tabs with their workers. */
  tabBytes: number;
  /** All processes of the browser. */
  allBytes: number;
}

/** Memory of the processes whose command line contains `mark` (the profile's folder), and their children. */
async function usage(mark: string): Promise<Usage> {
  const total: Usage = { tabBytes: 0, allBytes: 0 };
  for (const one of await processTree(({ command }) => command.includes(mark))) {
    const bytes = await processBytes(one, 'smaps_rollup', 'Pss');
    total.allBytes += bytes;
    if (one.command.includes('--type=renderer')) total.tabBytes += bytes;
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
      this.#peak = {
        tabBytes: Math.max(this.#peak.tabBytes, tabBytes),
        allBytes: Math.max(this.#peak.allBytes, allBytes),
      };
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
