/** Which tab runs the engine: the one that holds this Web Lock. The browser lets go of it when the tab closes or crashes. */
const NAME = 'phi-engine';

/** Without Web Locks (an insecure context) every tab is alone. */
export class EngineClaim {
  readonly #locks: LockManager | null;
  #release: (() => void) | null = null;
  /** Another tab took the claim over. */
  onLost: () => void = () => undefined;

  /** @param locks null: there are none, and the claim is everybody's */
  constructor(locks: LockManager | null = globalThis.navigator?.locks ?? null) {
    this.#locks = locks;
  }

  /** Takes the claim if nobody has it; true when it is ours. */
  async take(): Promise<boolean> {
    return this.#release !== null || (await this.#request({ ifAvailable: true }));
  }

  /** Waits until the tab that has it closes or gives it up. Rejects when `signal` aborts. */
  async wait(signal: AbortSignal): Promise<void> {
    if (this.#release === null) await this.#request({ signal });
  }

  /** Takes it from whichever tab has it. That tab hears of it and ends its engine. */
  async seize(): Promise<void> {
    if (this.#release === null) await this.#request({ steal: true });
  }

  release(): void {
    this.#release?.();
    this.#release = null;
  }

  #request(options: LockOptions): Promise<boolean> {
    const locks = this.#locks;
    if (!locks) return Promise.resolve(true);
    return new Promise((resolve, reject) => {
      let mine: (() => void) | null = null;
      const hold = (lock: Lock | null) => {
        resolve(lock !== null);
        return lock === null ? undefined : new Promise<void>((release) => (this.#release = mine = release));
      };
      locks.request(NAME, options, hold).catch((cause: unknown) => {
        reject(cause instanceof Error ? cause : new Error(String(cause))); // Has no effect once it was granted.
        if (mine === null || this.#release !== mine) return;
        this.#release = null;
        this.onLost();
      });
    });
  }
}
