/** Graphs of single tokens. Attention over empty slots costs as much as over full ones, so short contexts have a graph that looks at the first slots alone. */

/**
 * Settled slots that the graph for short contexts looks at. A token of Phi-4-mini in int8 over 4,096 slots takes Lunar Lake 2.73 ms a layer by Intel's
 * estimate, over the first 1,024 of them 2.40, over 256 2.32 (docs/npu.md).
 */
export const NEAR_SLOTS = 1024;

/** `Graph`: a Runner. */
export class StepGraphs<Graph extends { destroy(): void }> {
  readonly #near: Graph;
  readonly #nearSlots: number;
  readonly #buildFar: (() => Promise<Graph>) | null;
  #far: Graph | null = null;
  #begun = false;
  #destroyed = false;

  /**
   * @param near looks at the first `nearSlots`
   * @param buildFar the graph that looks at all slots; null: `near` does
   */
  constructor(near: Graph, nearSlots: number, buildFar: (() => Promise<Graph>) | null) {
    this.#near = near;
    this.#nearSlots = nearSlots;
    this.#buildFar = buildFar;
  }

  /** The graph for a token behind `past` positions; null: it is not ready, so a wider one has to do. */
  at(past: number): Graph | null {
    if (!this.#buildFar) return this.#near;
    if (past > this.#nearSlots / 2) void this.#begin(); // halfway, so that it is ready when it is needed
    return past <= this.#nearSlots ? this.#near : this.#far;
  }

  destroy(): void {
    this.#destroyed = true;
    this.#near.destroy();
    this.#far?.destroy();
  }

  async #begin(): Promise<void> {
    if (this.#begun || !this.#buildFar) return;
    this.#begun = true;
    try {
      const far = await this.#buildFar();
      if (this.#destroyed) far.destroy();
      else this.#far = far;
    } catch {
      // The wider graph goes on in its place. If the context is lost, the next run reports it.
    }
  }
}
