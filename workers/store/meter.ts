import type { Progress } from '../shared/protocol.ts';

const TICK_MS = 250;
/** Weight of the last tick in the speed shown, which smooths it over about two seconds. */
const WEIGHT = 0.15;

/** Counts bytes and reports progress four times a second, also while nothing arrives: then the speed must be seen to fall. */
export class Meter {
  readonly #phase: 'download' | 'import';
  readonly #total: number;
  readonly #emit: (progress: Progress) => void;
  readonly #timer: ReturnType<typeof setInterval>;
  #done: number;
  /** Bytes that really arrived, including restarts. The speed is computed from them. */
  #arrived = 0;
  #arrivedBefore = 0;
  #speed: number | null = null;
  #at = performance.now();

  /** @param done bytes that are stored already */
  constructor(
    phase: 'download' | 'import',
    total: number,
    done: number,
    emit: (progress: Progress) => void = () => undefined,
  ) {
    this.#phase = phase;
    this.#total = total;
    this.#done = done;
    this.#emit = emit;
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
    this.#report();
  }

  /** Negative when what had arrived is thrown away. */
  add(bytes: number): void {
    this.#done += bytes;
    this.#arrived += Math.max(bytes, 0);
  }

  /** Stops the clock and reports the last state. */
  stop(): void {
    clearInterval(this.#timer);
    this.#report();
  }

  #tick(): void {
    const now = performance.now();
    const speed = ((this.#arrived - this.#arrivedBefore) * 1000) / (now - this.#at);
    this.#speed = this.#speed === null ? speed : this.#speed + (speed - this.#speed) * WEIGHT;
    this.#arrivedBefore = this.#arrived;
    this.#at = now;
    this.#report();
  }

  #report(): void {
    const bytesPerSecond = Math.round(this.#speed ?? 0);
    const secondsLeft = bytesPerSecond > 0 ? (this.#total - this.#done) / bytesPerSecond : null;
    this.#emit({ phase: this.#phase, bytesDone: this.#done, bytesTotal: this.#total, bytesPerSecond, secondsLeft });
  }
}
