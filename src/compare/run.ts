/** A whole comparison: one row after the other, and what they say of each other. */
import type { ModelFacts, NativeServer, Prompt } from '../../workers/shared/compare-protocol.ts';
import { PhiError } from '../../workers/shared/errors.ts';
import { agreementWith, mostPrecise, referenceOf, type Reference } from './agreement.ts';
import { describeMachine } from './machine.ts';
import {
  measureRow,
  speedFigures,
  timeRounds,
  type MeasuredRow,
  type Rounds,
  type RowJob,
  type RowProgress,
} from './measure.ts';
import { estimateRow, fitLengths, headlineLength, shuffle, type Entry, type Measures, type Setting } from './plan.ts';
import { recordedReference } from './references.ts';
import { FORMAT, VERSION, type Absent, type CompareResult, type Measured, type Row } from './result.ts';
import { withDeadline } from './silence.ts';
import { callback, withCompareWorker, withNativeWorker } from './threads.ts';

export interface ServerEntry extends NativeServer {
  /** "Ollama". */
  label: string;
}

export interface CompareRequest {
  model: { id: string; name: string; bytes: number };
  setting: Setting;
  measures: Measures;
  entries: Entry[];
  servers: ServerEntry[];
  shuffled: boolean;
}

export interface Observer {
  signal: AbortSignal;
  /** A row has begun or gone on. */
  onRow: (index: number, progress: RowProgress) => void;
  /** The facts known after a row. */
  onResult: (result: CompareResult) => void;
}

const BACKEND_ADVICE = 'Run this row alone. If it hangs again, the cause is the driver.';
const SERVER_ADVICE =
  'Check whether the server is busy, and whether the browser is asking to allow access to the local network.';

type Step = { entry: Entry } | { server: ServerEntry };

/** Resolves with the result, also when a person stopped it: with the rows that were whole by then. Rejects when the model cannot be read at all. */
export async function compare(request: CompareRequest, observer: Observer): Promise<CompareResult> {
  const { signal } = observer;
  const prepared = await prepare(request, signal);
  const steps: Step[] = [
    ...request.entries.map((entry) => ({ entry })),
    ...request.servers.map((server) => ({ server })),
  ];
  const findings = new Findings(request, prepared, steps, await describeMachine());
  for (const step of request.shuffled ? shuffle(steps) : steps) {
    const estimateSeconds = estimateRow(
      'entry' in step ? step.entry.id : 'native',
      request.model.bytes,
      prepared.measures,
    );
    const advice = 'entry' in step ? BACKEND_ADVICE : SERVER_ADVICE;
    try {
      await withDeadline({ estimateSeconds, advice }, signal, async (rowSignal, heard) => {
        const onProgress = (progress: RowProgress) => {
          heard();
          observer.onRow(steps.indexOf(step), progress);
        };
        const job = rowJob(request, prepared, rowSignal, onProgress);
        if ('entry' in step) findings.scored.set(step, await measureRow(step.entry, job));
        else findings.rows.set(step, await measureServer(step.server, job));
      });
    } catch (cause) {
      const error = PhiError.from(cause);
      if (signal.aborted) return findings.result(true);
      findings.rows.set(step, absent(step, error));
    }
    observer.onResult(findings.result(false));
  }
  return findings.result(false);
}

/** What is the same for every row. */
interface Prepared {
  facts: ModelFacts;
  measures: Measures;
  /** The reference that came with the app, cut to what fits the context; null where the model has none. */
  recorded: Reference | null;
  contextLength: number;
}

async function prepare(request: CompareRequest, signal: AbortSignal): Promise<Prepared> {
  const measures = { ...request.measures };
  const facts = await describeModel(request, signal);
  measures.lengths = fitLengths(measures, facts.context);
  facts.prompts = facts.prompts.slice(0, measures.lengths.length);
  const found = await recordedReference(facts.fingerprint);
  // As long as the longest prompt and its reply: what follows that prompt is decoded at the end of the context.
  const needed = Math.max(
    longest(facts.prompts) + measures.decodeTokens,
    facts.textIds.length,
    ...(found?.sequences ?? []).map(({ ids }) => ids.length),
  );
  const contextLength = Math.min(facts.context, needed);
  facts.textIds = facts.textIds.slice(0, contextLength);
  const recorded = found && { ...found, sequences: found.sequences.filter(({ ids }) => ids.length <= contextLength) };
  return { facts, measures, recorded, contextLength };
}

const rowJob = (
  { model }: CompareRequest,
  { facts, measures, recorded, contextLength }: Prepared,
  signal: AbortSignal,
  onProgress: RowJob['onProgress'],
): RowJob => ({
  model: { id: model.id, facts },
  measures,
  contextLength,
  sequences: recorded?.sequences ?? [],
  gaps: recorded === null,
  signal,
  onProgress,
});

/** The rows so far, as a result. */
class Findings {
  readonly rows = new Map<Step, Row>();
  readonly scored = new Map<Step, MeasuredRow>();
  readonly #request: CompareRequest;
  readonly #prepared: Prepared;
  readonly #steps: readonly Step[];
  readonly #machine: CompareResult['machine'];

  constructor(request: CompareRequest, prepared: Prepared, steps: readonly Step[], machine: CompareResult['machine']) {
    this.#request = request;
    this.#prepared = prepared;
    this.#steps = steps;
    this.#machine = machine;
  }

  result(cancelled: boolean): CompareResult {
    const { model, setting, shuffled } = this.#request;
    const { facts, measures, recorded, contextLength } = this.#prepared;
    const promptTokens = facts.prompts.map(([prompt]) => prompt!.tokens);
    // With each row there may be a more precise one to measure against.
    const reference = recorded ?? rowReference([...this.scored.values()], facts);
    for (const [step, { row, scores }] of this.scored)
      this.rows.set(step, { ...row, agreement: agreementWith(reference, scores) });
    return {
      format: FORMAT,
      version: VERSION,
      date: `${new Date().toISOString().slice(0, 16)}Z`,
      model: {
        name: facts.name,
        bytes: model.bytes,
        fingerprint: facts.fingerprint,
        context: facts.context,
        shape: facts.shape,
      },
      machine: this.#machine,
      settings: {
        setting,
        promptTokens,
        headlineTokens: headlineLength(promptTokens),
        decodeTokens: measures.decodeTokens,
        rounds: measures.rounds,
        loads: measures.loads,
        contextLength,
        shuffled,
        cancelled,
      },
      reference: reference && {
        kind: reference.kind,
        name: reference.name,
        steps: reference.sequences.reduce((sum, { argmax }) => sum + argmax.length, 0),
      },
      rows: this.#steps.map((step) => this.rows.get(step)).filter((row) => row !== undefined),
    };
  }
}

const longest = (prompts: Prompt[][]) => Math.max(...prompts.flat().map(({ tokens }) => tokens));

/**
 * Four digits at the start of each prompt, different for every prompt, so that no earlier round or run has left its
 * beginning in a server's cache.
 */
function nonces(lengths: number, rounds: number): string[][] {
  const first = 1000 + Math.floor(Math.random() * 8000);
  return Array.from({ length: lengths }, (_, l) =>
    Array.from({ length: rounds }, (_, r) => String(first + l * rounds + r)),
  );
}

function describeModel({ model, measures }: CompareRequest, signal: AbortSignal): Promise<ModelFacts> {
  const { rounds, decodeTokens } = measures;
  return withCompareWorker(signal, async (api) => {
    const facts = await api.describe(model.id, [], []);
    const fitting = fitLengths(measures, facts.context);
    if (facts.context <= decodeTokens + fitting[0]! / 2) {
      throw new PhiError(
        'context-full',
        `${facts.name} has a context of ${facts.context} tokens, which is too short to measure a reply of ${decodeTokens}.`,
      );
    }
    return api.describe(model.id, fitting, nonces(fitting.length, rounds + 1));
  });
}

function rowReference(scored: readonly MeasuredRow[], facts: ModelFacts): Reference | null {
  const best = mostPrecise(scored.map((measured) => ({ ...measured, form: measured.row.form })));
  return best && referenceOf(`${best.row.label}, ${best.row.form}`, facts.textIds, best.scores);
}

async function measureServer(server: ServerEntry, { model, measures, signal, onProgress }: RowJob): Promise<Measured> {
  const rounds = await withNativeWorker(signal, (api) =>
    timeRounds(
      model.facts.prompts,
      measures,
      (prompt, tokens, onPiece) =>
        api.reply({ address: server.address, model: server.model }, prompt, tokens, callback(onPiece)),
      (done, total, warmUp) => onProgress({ phase: warmUp ? 'warm-up' : 'measure', share: done / total }),
    ),
  );
  const lengths = model.facts.prompts.map(([prompt]) => prompt!.tokens);
  return {
    ...nativeIdentity(server),
    device: server.label,
    kind: null, // a server does not say what it computes on
    model: answeredBy(rounds) ?? server.model,
    graphs: null,
    nodesOnWasm: null,
    threads: null,
    contextLength: null,
    weightError: null,
    loadMs: null,
    compileMs: null,
    prepareMs: null,
    ...speedFigures(rounds, lengths),
    memory: { engineBytes: null, pageBytes: null },
    agreement: null,
  };
}

/**
 * The model that answered, as the server names it. Only the last part of a path is kept, because the rest may name a
 * person.
 */
const answeredBy = (rounds: Rounds): string | null =>
  rounds[0]?.[0]?.model?.split(/[\\/]/).at(-1)?.slice(0, 200) || null;

const nativeIdentity = ({ label, model }: ServerEntry) => ({
  label,
  backend: 'native' as const,
  asked: { backend: 'native' as const, device: null, threads: null, form: 'auto' },
  form: model.slice(0, 200),
});

function absent(step: Step, error: PhiError): Absent {
  const why = error.message.slice(0, 1_000);
  if ('server' in step)
    return {
      ...nativeIdentity(step.server),
      absent: why,
      ...(error.detail?.refused && { refused: true }),
    };
  const { label, target } = step.entry;
  return {
    label,
    backend: target.backend,
    asked: { backend: target.backend, device: target.device, threads: target.threads, form: target.form },
    form: target.form,
    absent: why,
  };
}
