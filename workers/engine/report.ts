import { candidateName } from './choose/candidate.ts';
import type { Scored } from './choose/self-test.ts';
import type { Decoder } from './decoder.ts';
import type { Checkpoint } from './checkpoint/types.ts';
import type { EngineReport } from '../shared/protocol.ts';

export interface ReportSource {
  model: string;
  /** The name that the page shows. Names inside files read badly ("Smollm2 135M 8k Lc100K Mix1 Ep2"). */
  name: string;
  checkpoint: Checkpoint;
  decoder: Decoder;
  asked: EngineReport['asked'];
  rejected: EngineReport['rejected'];
  loadMs: number;
  warmUpMs: number;
  scored?: Scored;
  notes?: string[];
  faster?: EngineReport['faster'];
}

/** The report of a loaded model, from facts that the backend measured itself. */
export function engineReport({
  checkpoint,
  decoder,
  scored,
  notes = [],
  faster,
  ...given
}: ReportSource): EngineReport {
  const { model, name, asked, rejected, loadMs, warmUpMs } = given;
  const {
    backend,
    requestedDevice,
    device,
    form,
    activations,
    weightError,
    graphs,
    widths,
    nodesOnWasm,
    threads,
    singleTokens,
    bytesHeld,
    prepareMs,
    compileMs,
  } = decoder.facts;
  const { layers, hidden, heads, kvHeads, headDim, intermediate, vocab, context } = checkpoint.config;
  return {
    model,
    name,
    candidate: candidateName({ backend, device: requestedDevice, form, activations }),
    backend,
    asked,
    device,
    form,
    shape: { layers, hidden, heads, kvHeads, headDim, intermediate, vocab, context },
    weightError,
    ...(faster && { faster }),
    graphs,
    ...(widths && { widths }),
    nodesOnWasm,
    contextLength: decoder.slots,
    modelContext: context,
    bytesHeld,
    loadMs,
    prepareMs,
    compileMs,
    warmUpMs,
    threads,
    ...(singleTokens !== undefined && { singleTokens }),
    rejected,
    ...(scored && {
      selfTest: { nll: scored.nll, limit: scored.limit },
      runMs: scored.msPerToken * decoder.chunkTokens,
    }),
    ...(notes.length > 0 && { notes }),
  };
}
