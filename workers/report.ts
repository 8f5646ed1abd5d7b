import type { Decoder } from './backends/types.ts';
import type { Checkpoint } from './checkpoint/types.ts';
import type { EngineReport } from './protocol.ts';

/** The honest report of a loaded model, from what the backend found out itself. */
export function engineReport({
  model,
  checkpoint,
  decoder,
  asked,
  rejected,
  loadMs,
  warmUpMs,
}: {
  model: string;
  checkpoint: Checkpoint;
  decoder: Decoder;
  asked: EngineReport['asked'];
  rejected: EngineReport['rejected'];
  loadMs: number;
  warmUpMs: number;
}): EngineReport {
  const { backend, device, form, graphs, nodesOnWasm, threads, bytesHeld, prepareMs, compileMs } = decoder.facts;
  return {
    model,
    name: checkpoint.config.name,
    backend,
    asked,
    device,
    form,
    graphs,
    nodesOnWasm,
    contextLength: decoder.slots,
    modelContext: checkpoint.config.context,
    bytesHeld,
    loadMs,
    prepareMs,
    compileMs,
    warmUpMs,
    threads,
    rejected,
  };
}
