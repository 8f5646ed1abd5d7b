/** A result as a run file of LocalMode Bench (protocol 5, schema 3), so that it lies beside theirs. */
import { PhiError } from '../../../workers/shared/errors.ts';
import { hexOf } from '../../../workers/shared/hex.ts';
import { newId } from '../../../workers/shared/new-id.ts';
import { isMeasured, type CompareResult, type Measured, type Row } from '../result.ts';

const PROTOCOL = 'localmode-bench/5';

/** Resolves with the run, its digest included. `runId`: a UUID. */
export async function toLocalMode(result: CompareResult, runId: string = newId()): Promise<object> {
  const { machine, date } = result;
  const [name = '', version = ''] = /^(.*?) ?([\d.]*)$/.exec(machine.browser)?.slice(1) ?? [];
  const run = {
    protocol: PROTOCOL,
    schemaVersion: 3,
    runId,
    createdAt: date.replace('Z', ':00.000Z'),
    harness: { name: 'phi-in-a-tab', version: String(result.version) },
    suite: 'custom',
    environment: {
      browser: { name, version },
      os: { platform: machine.system || 'unknown' },
      hardware: {
        ...(machine.cores !== null && { cores: machine.cores }),
        ...(machine.memoryGigabytes !== null && { deviceMemoryGB: machine.memoryGigabytes }),
      },
      ...(machine.adapter !== null && { gpuModel: machine.adapter }),
    },
    cells: result.rows.flatMap((row) => cellsOf(result, row)),
    events: [],
  };
  return { ...run, digest: await sha256(canonical(run)) };
}

function cellsOf(result: CompareResult, row: Row): object[] {
  const runtimeId = `phi-in-a-tab-${row.label.toLowerCase().replace(/[^a-z0-9]+/g, '-')}`;
  const name = isMeasured(row) ? row.model : result.model.name;
  const head = {
    runtimeId,
    model: {
      benchModelId: name,
      runtimeId,
      providerModelId: name,
      displayName: name,
      task: 'llm',
      quantization: row.form,
      ...(!(isMeasured(row) && row.otherModel) && { sizeBytes: result.model.bytes }),
    },
    workloadKind: 'llm-generate',
    load: null,
  };
  const cell = (workloadId: string, rest: object) => ({
    cellId: `${runtimeId}/${name}/${workloadId}`,
    workloadId,
    ...head,
    ...rest,
  });
  if (!isMeasured(row))
    return [
      cell('chat', { resolvedBackend: row.backend, iterations: [], status: 'skipped', invalidReasons: [row.absent] }),
    ];
  return row.lengths.map(({ promptTokens }) =>
    cell(`pp${promptTokens}-tg${result.settings.decodeTokens}`, {
      resolvedBackend: row.backend,
      runtimeConfig: { device: row.device, form: row.form, ...(row.threads !== null && { n_threads: row.threads }) },
      iterations: iterationsOf(row, promptTokens),
      status: 'ok',
    }),
  );
}

/** Rounds with their raw traces. The text is not kept for every round, so it is left empty. */
function iterationsOf(row: Measured, promptTokens: number): object[] {
  return row.traces
    .filter((trace) => trace.promptTokens === promptTokens)
    .map(({ arrivals }) => {
      const outputTokens = arrivals.reduce((sum, [, tokens]) => sum + tokens, 0);
      const endT = arrivals.at(-1)?.[0] ?? 0;
      return {
        startT: 0,
        chunks: arrivals.map(([t, , c]) => ({ t, c })),
        endT,
        text: '',
        providerUsage: {
          inputTokens: promptTokens,
          outputTokens,
          totalTokens: promptTokens + outputTokens,
          durationMs: endT,
          fidelity: 'measured',
        },
        gates: [],
      };
    });
}

/** JSON with sorted keys and no white space: what the digest is of. */
function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const fields = Object.entries(value)
    .filter(([, field]) => field !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${fields.map(([key, field]) => `${JSON.stringify(key)}:${canonical(field)}`).join(',')}}`;
}

/** The format demands it. Browsers have it on secure pages only. */
async function sha256(text: string): Promise<string> {
  if (!globalThis.crypto?.subtle)
    throw new PhiError(
      'bad-request',
      'LocalMode files carry a digest, which browsers compute only on pages with https or on localhost. Open this page there.',
    );
  return hexOf(new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text))));
}
