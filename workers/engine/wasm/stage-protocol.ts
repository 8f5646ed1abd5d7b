/** Messages between the engine worker and a stage worker. Types only. */
import type { RopeSet } from '../graph/rope.ts';
import type { WasmForm } from './weights.ts';
import type { LayerRange } from '../../shared/advisor/stages.ts';
import type { EngineReport } from '../../shared/protocol.ts';
import type { ChunkResult, Choice, KvRows } from '../decoder.ts';

export interface StageSetup {
  files: { path: string; bytes: number }[];
  form: WasmForm;
  layers: LayerRange;
  /** It has the head, and gives results in place of hidden states. */
  last: boolean;
  slots: number;
  threads: number;
  /** Weights that are made now are to be kept: there is room for those of all stages. */
  keep: boolean;
}

/** Services of the engine worker for a stage: the model's bytes (that worker has the store) and the weight cache. */
export interface StageHost {
  /** The array is handed over, not copied. */
  read(path: string, offset: number, length: number): Promise<Uint8Array<ArrayBuffer>>;
  openForm(group: string): Promise<Blob | null>;
  /** Resolves when it is kept or could not be: until then its bytes take memory. */
  keepForm(group: string, form: Blob): Promise<void>;
  /** A group of weights has been made or taken from the weightCache. */
  onGroup(): void;
}

export interface StageFacts {
  weightBytes: number;
  /** See EngineReport. */
  singleTokens?: EngineReport['singleTokens'];
  /** Making weights, and everything else of the session's creation. */
  prepareMs: number;
  compileMs: number;
}

export interface StageStep {
  /** `[tokens, hidden]`, handed over. */
  hidden: Float32Array;
  tokens: number;
  past: number;
  rope: RopeSet;
  /** Only for the last stage; see ChunkRequest. */
  choice: Choice | null;
  headRows: number[];
  targets: number[] | null;
  logits: boolean;
}

/** Hidden states `[tokens, hidden]`, handed over; or of the last stage the chunk's result. */
export interface StageResult {
  hidden: Float32Array | null;
  chunk: ChunkResult | null;
}

export interface StageApi {
  load(setup: StageSetup, host: StageHost): Promise<StageFacts>;
  run(step: StageStep): Promise<StageResult>;
  /** See KvAccess; `layer` counts within the stage. */
  readRows(layer: number, from: number, to: number): Promise<KvRows>;
  fillRows(layer: number, count: number, rows: KvRows): Promise<void>;
}
