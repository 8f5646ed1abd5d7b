/**
 * Which replies are being written, in whatever tab: the tab that writes one holds a Web Lock of its name, which the browser lets go of when
 * the tab dies. Without Web Locks (an insecure context) a page knows of its own replies only.
 */
const PREFIX = 'phi-reply/';

export class ReplyLocks {
  readonly #locks: LockManager | undefined = globalThis.navigator?.locks;
  readonly #own = new Set<string>();

  /** Marks a reply as being written here until the function that it gives is called. */
  hold(id: string): () => void {
    this.#own.add(id);
    let release = () => undefined as void;
    const promise = new Promise<void>((resolve) => (release = resolve));
    // If the lock is refused, other tabs show no notice. Nothing else changes.
    this.#locks?.request(PREFIX + id, () => promise).catch(() => undefined);
    return () => {
      this.#own.delete(id);
      release();
    };
  }

  async alive(): Promise<ReadonlySet<string>> {
    const { held = [] } = (await this.#locks?.query()) ?? {};
    const elsewhere = held.flatMap(({ name }) => (name?.startsWith(PREFIX) ? [name.slice(PREFIX.length)] : []));
    return new Set([...this.#own, ...elsewhere]);
  }

  /** Resolves when nobody writes the reply any more. */
  async ended(id: string): Promise<void> {
    await this.#locks?.request(PREFIX + id, { mode: 'shared' }, () => undefined);
  }

  isOwn(id: string): boolean {
    return this.#own.has(id);
  }
}
