/** A pause between two rows, so that a row does not inherit the heat of the one before. */
import { pause } from '../../workers/shared/pause.ts';

/** A processor that is still under pressure is waited for, at most this long. */
const MOST_EXTRA_SECONDS = 60;

type Pressure = 'nominal' | 'fair' | 'serious' | 'critical';
interface PressureWatch {
  observe(source: 'cpu', options: { sampleInterval: number }): Promise<void>;
  disconnect(): void;
}
type PressureObserverClass = new (onChange: (records: { state: Pressure }[]) => void) => PressureWatch;

/**
 * Waits `seconds`, and longer while the browser says that the processor is under pressure (Compute Pressure API, where there is one). Resolves with the
 * milliseconds that it took; rejects with `cancelled`.
 */
export async function coolDown(seconds: number, signal: AbortSignal): Promise<number> {
  if (seconds <= 0) return 0;
  const started = performance.now();
  let state: Pressure = 'nominal';
  const watch = await watchPressure((next) => (state = next));
  try {
    await pause(seconds * 1000, signal);
    for (let extra = 0; extra < MOST_EXTRA_SECONDS && isHot(state); extra++) await pause(1000, signal);
  } finally {
    watch?.disconnect();
  }
  return performance.now() - started;
}

const isHot = (state: Pressure): boolean => state === 'serious' || state === 'critical';

/** null where the browser has no such interface, or refuses it to this page. */
async function watchPressure(onState: (state: Pressure) => void): Promise<PressureWatch | null> {
  const { PressureObserver: Observer } = globalThis as { PressureObserver?: PressureObserverClass };
  if (!Observer) return null;
  try {
    const watch = new Observer((records) => onState(records.at(-1)?.state ?? 'nominal'));
    await watch.observe('cpu', { sampleInterval: 1000 });
    return watch;
  } catch {
    return null; // the pause of fixed length remains
  }
}
