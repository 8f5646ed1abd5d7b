/** Which graphs a device gets, and how a chunk of tokens is cut into runs of them. */

export interface WebnnGraphs {
  /** Tokens a run of the graph with the head. */
  main: number;
  /** Tokens a run of graphs for prefill. They hold no weights: they take them as tensors, one copy for all. */
  prefill: readonly number[];
  /** Positions of the recent cache. */
  recent: number;
}

/**
 * LiteRT (the CPU) repacks a matrix that is not a constant at every run: 60 ms of the starter's 80, spread over the tokens of a wide run, and
 * holds a constant twice. So it has one graph of constants for single tokens (22 ms in matmuls; 16 at once take 68, but one of 16 too), and
 * wide ones over tensors, whose build takes milliseconds. Where weights are constants that are held once, one graph of 16 tokens serves both.
 */
export function graphsFor(devices: readonly string[] | null): WebnnGraphs {
  const cpu = devices !== null && devices.every((device) => device === 'cpu');
  return cpu ? { main: 1, prefill: [16, 64], recent: 64 } : { main: 16, prefill: [], recent: 64 };
}

/**
 * Widths of the runs that take `tokens`, largest first, at the least cost. `costs`: width and duration of a run of each graph, whatever
 * part of it is filled.
 */
export function cutIntoRuns(tokens: number, costs: ReadonlyMap<number, number>): number[] {
  const best = [{ cost: 0, width: 0 }];
  for (let n = 1; n <= tokens; n++) {
    let least = { cost: Infinity, width: 1 };
    for (const [width, cost] of costs) {
      const total = cost + best[Math.max(0, n - width)]!.cost;
      if (total < least.cost) least = { cost: total, width };
    }
    best.push(least);
  }
  const runs: number[] = [];
  for (let n = tokens; n > 0; n -= runs.at(-1)!) runs.push(best[n]!.width);
  return runs.sort((a, b) => b - a);
}
