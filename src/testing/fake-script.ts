/** What the scripted engine is told to do, and what it keeps between its lives. */
import type { KeptCaches, StoredModel } from '../../workers/shared/protocol.ts';

/** The switches of `?fake=first,slow`. */
export interface FakeScript {
  /** Nothing is stored yet. */
  first?: boolean;
  /** Two models are stored. */
  two?: boolean;
  /** Downloads, loads and replies take long. */
  slow?: boolean;
  /** Replies fail half-way. */
  error?: boolean;
  /** The worker dies half-way through a reply, once. */
  die?: boolean;
  /** It dies again whenever the reply continues. */
  'keep-dying'?: boolean;
  /** It runs on WebGPU, whose device is lost half-way through a reply. */
  lose?: boolean;
  /** It runs on an NPU, and the model has the measures of Phi-4-mini. */
  npu?: boolean;
  /** On it 4-bit weights would be faster, once they are made. */
  unmade?: boolean;
  /** The browser refuses to store the model. */
  quota?: boolean;
  /** The load fails. */
  'load-error'?: boolean;
  /** The first candidate that is tried does not work. */
  'fail-first'?: boolean;
  /** Aborts are ignored: only terminating helps. */
  deaf?: boolean;
  /** Its chat template never ends. */
  'hang-template'?: boolean;
  /** A context of 128 tokens. */
  short?: boolean;
  /** No waiting at all, for unit tests. */
  instant?: boolean;
}

export function parseFakeScript(flags: string): FakeScript {
  return Object.fromEntries(flags.split(',').map((flag) => [flag, true]));
}

/** Data that survives a restart of the fake, as models in IndexedDB survive a restart of the real engine. */
export interface FakeDisk {
  models: StoredModel[];
  caches?: KeptCaches;
  /** Weights of 4 bits have been made. */
  made?: boolean;
}
