/** How much of the processor other programs took while something was measured. Linux only; elsewhere nothing is known. */
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

export interface CpuTimes {
  /** Ticks of all cores since boot. */
  capacity: number;
  /** Part of these ticks spent on any work (including time stolen by the hypervisor). */
  busy: number;
  /** Part of these ticks spent by this process and its descendants, by process id. */
  own: Map<number, number>;
}

/** Fields of /proc/PID/stat after the name, which may hold spaces and brackets. */
function statFields(pid: string): string[] | null {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return text.slice(text.lastIndexOf(')') + 2).split(' ');
  } catch {
    return null; // it ended meanwhile
  }
}

/** Null where there is no /proc. */
export function cpuTimes(root = process.pid): CpuTimes | null {
  if (process.platform !== 'linux') return null;
  const line = readFileSync('/proc/stat', 'utf8').split('\n')[0]!;
  // user nice system idle iowait irq softirq steal; guest times are part of user
  const ticks = line.split(/\s+/).slice(1, 9).map(Number);
  const capacity = ticks.reduce((sum, value) => sum + value, 0);
  const parents = new Map<number, { parent: number; ticks: number }>();
  for (const name of readdirSync('/proc')) {
    const fields = /^\d+$/.test(name) ? statFields(name) : null;
    if (fields)
      parents.set(Number(name), { parent: Number(fields[1]), ticks: Number(fields[11]) + Number(fields[12]) });
  }
  const own = new Map<number, number>();
  for (const [pid, { ticks: spent }] of parents) {
    for (let at: number | undefined = pid; at !== undefined && at > 1; at = parents.get(at)?.parent) {
      if (at !== root) continue;
      own.set(pid, spent);
      break;
    }
  }
  return { capacity, busy: capacity - ticks[3]! - ticks[4]!, own };
}

/** Share (0 to 1) of the whole processor that others used between two readings. */
export function othersShare(before: CpuTimes, after: CpuTimes): number {
  let own = 0;
  for (const [pid, ticks] of after.own) own += ticks - (before.own.get(pid) ?? 0);
  const capacity = after.capacity - before.capacity;
  return capacity <= 0 ? 0 : Math.max(0, (after.busy - before.busy - own) / capacity);
}

/** Waits until others have left the machine alone for a second, at most `seconds`. */
export async function untilQuiet(seconds: number, limit: number): Promise<void> {
  const end = Date.now() + seconds * 1000;
  while (Date.now() < end) {
    const before = cpuTimes();
    await sleep(1000);
    const after = cpuTimes();
    if (!before || !after || othersShare(before, after) <= limit) return;
  }
}
