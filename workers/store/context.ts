import { defaultNet, type Net } from './net.ts';
import { openTables, type Tables } from './tables.ts';

/** Shared by the functions of this folder. */
export interface StoreContext {
  tables: Tables;
  net: Net;
  /** Keys of shards whose hash was checked since this worker started. */
  verified: Set<string>;
  /** When something large was dropped last, on the clock of `performance.now()`. */
  freedAt: number;
}

export const createContext = (net: Partial<Net> = {}): StoreContext => ({
  tables: openTables(),
  net: { ...defaultNet(), ...net },
  verified: new Set(),
  freedAt: -Infinity,
});

/** For every long call: how to cancel it, and where to report its progress. */
export interface JobOptions<Progress> {
  signal?: AbortSignal;
  onProgress?: (progress: Progress) => void;
}
