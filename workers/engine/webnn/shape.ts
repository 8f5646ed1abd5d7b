/** The shape that one graph of the network is made for. */
import type { WebnnDialect } from './cache-layout.ts';

export interface WebnnShape {
  dialect: WebnnDialect;
  /** Tokens a run. */
  width: number;
  /** Positions of the settled cache. */
  slots: number;
  /** Positions of it, from the first, that are looked at. */
  visible: number;
  /** Positions of the recent cache; 0: none, the run's own keys and values are the outputs. */
  recent: number;
  /** Computes the head on one row, and its candidates. */
  head: boolean;
  /** The matrices are part of the graph, or tensors fed to it, which several graphs share. */
  weights: 'constants' | 'inputs';
  /** Int8 by column on an NPU: scales are applied to the codes, or to the product. */
  scales: 'before' | 'after';
}
