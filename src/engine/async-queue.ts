/** Values pushed from callbacks, pulled by `for await`. One consumer. Values pushed before the end are delivered before it. */
export class AsyncQueue<T> implements AsyncIterable<T> {
  #values: T[] = [];
  #end: { error: unknown } | 'closed' | null = null;
  #wake: (() => void) | null = null;

  push(value: T): void {
    if (this.#end) return;
    this.#values.push(value);
    this.#wake?.();
  }

  /** Ends the iteration after what is queued. */
  close(): void {
    this.#end ??= 'closed';
    this.#wake?.();
  }

  /** Ends the iteration with `error` after what is queued. */
  fail(error: unknown): void {
    this.#end ??= { error };
    this.#wake?.();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T, void, void> {
    for (;;) {
      while (this.#values.length > 0) yield this.#values.shift()!;
      if (this.#end === 'closed') return;
      if (this.#end) throw this.#end.error;
      await new Promise<void>((resolve) => (this.#wake = resolve));
      this.#wake = null;
    }
  }
}
