/** A whole comparison: one row after the other, and what they say of each other. A run that broke off goes on where it was. */
import { PhiError } from '../../workers/shared/errors.ts';
import { askGpu } from '../models/device.ts';
import { agreementWith } from './agreement.ts';
import { measureBuiltIn } from './built-in.ts';
import { coolDown } from './cooling.ts';
import { Findings, type Done } from './findings.ts';
import { describeMachine } from './machine.ts';
import { measureRow, type RowProgress } from './measure.ts';
import { shuffle, type Entry } from './plan.ts';
import { prepare, rowJob, type Prepared } from './prepare.ts';
import { isMeasured, LIMITS, type CompareResult, type Measured } from './result.ts';
import { measureServer } from './server-row.ts';
import { withDeadline } from './silence.ts';
import { absentRow, adviceFor, estimateStep, stepsOf, type CompareRequest, type Step } from './steps.ts';
import { needsStandIn, tinyModel } from './tiny.ts';

export interface Observer {
  signal: AbortSignal;
  /** The run has its order; awaited, so that what is stored is stored before anything is measured. */
  onBegin: (run: { order: number[]; fingerprint: string }) => Promise<void>;
  /** A row is about to run, which may take the page down with it. Awaited. */
  onTrying: (index: number) => Promise<void>;
  /** A row has begun or gone on. */
  onRow: (index: number, progress: RowProgress) => void;
  /** A row is over. Awaited. */
  onDone: (done: Done) => Promise<void>;
  /** The facts known after a row, and the indices of the rows that are over. */
  onResult: (result: CompareResult, done: number[]) => void;
}

/** What is left of a run that broke off. */
export interface Earlier {
  order: number[];
  fingerprint: string;
  done: Done[];
  /** How often the page ended while a row was measured, by its index. */
  tries: ReadonlyMap<number, number>;
}

/** A row that took the page down so often is not tried again. */
const MOST_TRIES = 2;

/**
 * Resolves with the result, also when a person stopped it: with the rows that were whole by then. Rejects when the model cannot be read at all, and with
 * `bad-request` when `earlier` belongs to other bytes than the model has now.
 */
export async function compare(
  request: CompareRequest,
  observer: Observer,
  earlier: Earlier | null = null,
): Promise<CompareResult> {
  const run = await Run.begin(request, observer, earlier);
  const { findings, order } = run;
  const tries = (index: number) => earlier?.tries.get(index) ?? 0;
  try {
    for (const index of order) if (!findings.at(index)) await run.step(index, tries(index));
    for (const { threads, single, why } of findings.contradictions())
      for (const index of [threads, single]) await run.step(index, tries(index), why);
  } catch (cause) {
    if (!observer.signal.aborted) throw cause;
    return findings.result(true);
  }
  return findings.result(false);
}

class Run {
  readonly order: number[];
  readonly findings: Findings;
  readonly #request: CompareRequest;
  readonly #observer: Observer;
  readonly #prepared: Prepared;
  readonly #steps: readonly Step[];
  readonly #software: boolean;
  #tiny: Promise<Prepared> | null = null;
  #measured = 0;

  private constructor(
    run: Pick<Run, 'order' | 'findings'>,
    request: CompareRequest,
    observer: Observer,
    prepared: Prepared,
    software: boolean,
  ) {
    this.order = run.order;
    this.findings = run.findings;
    this.#request = request;
    this.#observer = observer;
    this.#prepared = prepared;
    this.#steps = stepsOf(request);
    this.#software = software;
  }

  static async begin(request: CompareRequest, observer: Observer, earlier: Earlier | null): Promise<Run> {
    const prepared = await prepare(request.model, request.measures, observer.signal);
    const { fingerprint, name } = prepared.facts;
    if (earlier && earlier.fingerprint !== fingerprint)
      throw new PhiError(
        'bad-request',
        `${name} has changed since this run began, so its rows could not be compared. Discard the run and begin a new one.`,
      );
    const steps = stepsOf(request);
    const indices = steps.map((_, index) => index);
    const order = earlier?.order ?? (request.shuffled ? shuffle(indices) : indices);
    const findings = new Findings(request, prepared, steps, await describeMachine(), earlier?.done ?? []);
    if (!earlier) await observer.onBegin({ order, fingerprint });
    const gpu = await askGpu(navigator);
    return new Run({ order, findings }, request, observer, prepared, gpu?.software ?? false);
  }

  /** Measures one row, or says why not. Rejects only when a person stopped the run. */
  async step(index: number, tries: number, note?: string): Promise<void> {
    const { signal, onTrying, onRow, onDone, onResult } = this.#observer;
    const step = this.#steps[index]!;
    const pauseSeconds = this.#measured++ > 0 ? this.#request.measures.pauseSeconds : 0;
    if (pauseSeconds > 0) onRow(index, { phase: 'cool', share: 0 });
    const pausedMs = await coolDown(pauseSeconds, signal);
    let done: Done;
    try {
      if (tries >= MOST_TRIES)
        throw new PhiError('backend', `The page ended ${tries} times while this row was measured. ${adviceFor(step)}`);
      await onTrying(index);
      const { row, scores } = await this.#measure(step, (progress) => onRow(index, progress));
      const placed = { ...row, order: this.order.indexOf(index) + 1, pausedMs: Math.round(pausedMs) };
      done = { index, row: note ? withNote(placed, note) : placed, scores };
    } catch (cause) {
      if (signal.aborted) throw cause;
      const error = PhiError.from(cause);
      const before = this.findings.at(index);
      done =
        before && isMeasured(before.row)
          ? {
              ...before,
              row: withNote(before.row, `A second measurement failed, so this is the first. ${error.message}`),
            }
          : { index, row: absentRow(step, error), scores: null };
    }
    this.findings.add(done);
    await onDone(done);
    onResult(this.findings.result(false), this.findings.indices);
  }

  async #measure(
    step: Step,
    onRow: (progress: RowProgress) => void,
  ): Promise<{ row: Measured; scores: Done['scores'] }> {
    const { signal } = this.#observer;
    const standIn = 'entry' in step && this.#standIn(step.entry);
    const prepared = standIn ? await this.#prepareTiny() : this.#prepared;
    const estimateSeconds = estimateStep(step, prepared.model.bytes, prepared.measures);
    return withDeadline({ estimateSeconds, advice: adviceFor(step) }, signal, async (rowSignal, heard) => {
      const job = rowJob(prepared, rowSignal, (progress) => {
        heard();
        onRow(progress);
      });
      if ('server' in step) return { row: await measureServer(step.server, job), scores: null };
      if ('builtIn' in step) return { row: await measureBuiltIn(job), scores: null };
      const { row, scores } = await measureRow(step.entry, job);
      if (!standIn) return { row, scores };
      return { row: asStandIn({ ...row, agreement: agreementWith(prepared.recorded, scores) }), scores: null };
    });
  }

  #standIn({ target }: Entry): boolean {
    const { standIn, model } = this.#request;
    return standIn && target.backend === 'webgpu' && this.#software && needsStandIn(model);
  }

  #prepareTiny(): Promise<Prepared> {
    this.#tiny ??= prepare(tinyModel(), this.#request.measures, this.#observer.signal);
    this.#tiny.catch(() => (this.#tiny = null));
    return this.#tiny;
  }
}

const withNote = (row: Measured, note: string): Measured => ({
  ...row,
  notes: [...row.notes, note.slice(0, LIMITS.text)].slice(-LIMITS.notes),
});

const asStandIn = (row: Measured): Measured => ({
  ...withNote(
    row,
    'This WebGPU adapter is software and would take hours for the model of this run, so the tiny model ran instead.',
  ),
  otherModel: true,
});
