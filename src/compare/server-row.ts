/** The row of a server on this machine: the same prompts, the same stopwatch. */
import { lastPart } from './last-part.ts';
import { speedFigures, timeRounds, unseen, type RowJob, type Rounds } from './measure.ts';
import type { Measured } from './result.ts';
import { ROW_DEFAULTS } from './row-defaults.ts';
import { serverIdentity, type ServerEntry } from './steps.ts';
import { withNativeWorker } from './threads.ts';

export async function measureServer(
  server: ServerEntry,
  { model, measures, signal, onProgress }: RowJob,
): Promise<Measured> {
  const rounds = await withNativeWorker(signal, (api) =>
    timeRounds(
      model.facts.prompts,
      measures,
      (prompt, tokens) => api.reply({ address: server.address, model: server.model }, prompt, tokens, unseen()),
      (done, total, warmUp) => onProgress({ phase: warmUp ? 'warm-up' : 'measure', share: done / total }),
    ),
  );
  const lengths = model.facts.prompts.map(([prompt]) => prompt!.tokens);
  return {
    ...ROW_DEFAULTS,
    ...serverIdentity(server),
    ...UNKNOWN,
    device: server.label,
    model: answeredBy(rounds) ?? server.model.slice(0, 200),
    ...speedFigures(rounds, lengths),
  };
}

/** What a program that is not ours does not say. */
export const UNKNOWN = {
  kind: null,
  graphs: null,
  nodesOnWasm: null,
  threads: null,
  contextLength: null,
  weightError: null,
  loadMs: null,
  compileMs: null,
  prepareMs: null,
  memory: { engineBytes: null, pageBytes: null },
  agreement: null,
} satisfies Partial<Measured>;

/** The model that answered, as the server names it. */
const answeredBy = (rounds: Rounds): string | null => lastPart(rounds[0]?.[0]?.model ?? '') || null;
