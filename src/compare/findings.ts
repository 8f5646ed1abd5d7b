/** The rows so far, as a result. */
import { dependencies, version } from '../../package.json';
import type { ModelFacts } from '../../workers/shared/compare-protocol.ts';
import { agreementWith, mostPrecise, referenceOf, type Reference, type RowScores } from './agreement.ts';
import { ratio } from './figure.ts';
import type { Prepared } from './prepare.ts';
import { headlineLength } from './plan.ts';
import { FORMAT, isMeasured, VERSION, type CompareResult, type Measured, type Row } from './result.ts';
import type { CompareRequest, Step } from './steps.ts';

/** A step that is over. `scores`: of a row of the run's own model, whose reference may still change; null for all others. */
export interface Done {
  index: number;
  row: Row;
  scores: RowScores | null;
}

type Scored = Done & { row: Measured; scores: RowScores };

export class Findings {
  readonly #done: Map<number, Done>;
  readonly #request: CompareRequest;
  readonly #prepared: Prepared;
  readonly #steps: readonly Step[];
  readonly #machine: CompareResult['machine'];

  constructor(
    request: CompareRequest,
    prepared: Prepared,
    steps: readonly Step[],
    machine: CompareResult['machine'],
    earlier: readonly Done[],
  ) {
    this.#request = request;
    this.#prepared = prepared;
    this.#steps = steps;
    this.#machine = machine;
    const usable = earlier.filter(({ scores }) => !scores || fits(scores, prepared));
    this.#done = new Map(usable.map((done) => [done.index, done]));
  }

  /** Rows that are over, by their indices. */
  get indices(): number[] {
    return [...this.#done.keys()];
  }

  at(index: number): Done | null {
    return this.#done.get(index) ?? null;
  }

  add(done: Done): void {
    this.#done.set(done.index, done);
  }

  /**
   * Rows of WASM in which one thread wrote faster than several, by more than the rounds differ: one of them was disturbed.
   * As pairs of several and one.
   */
  contradictions(): { threads: number; single: number; why: string }[] {
    const at = (id: string) =>
      [...this.#done.values()].flatMap(({ index, row }) => {
        const step = this.#steps[index]!;
        return 'entry' in step && step.entry.id === id && isMeasured(row) ? [{ index, row }] : [];
      });
    return at('wasm-threads').flatMap(({ index: threads, row: many }) => {
      const one = at('wasm-single').find(({ row }) => row.form === many.form);
      const [a, b] = [one?.row.decodeTokensPerSecond, many.decodeTokensPerSecond];
      if (!one || !a || !b || ratio(a, b).low <= 1) return [];
      const why = `Measured again: at first one thread wrote ${a.median.toFixed(1)} tokens a second, and ${many.threads ?? 'several'} threads ${b.median.toFixed(1)}.`;
      return [{ threads, single: one.index, why }];
    });
  }

  result(cancelled: boolean): CompareResult {
    const { model, setting, shuffled } = this.#request;
    const { facts, measures, recorded, contextLength } = this.#prepared;
    const promptTokens = facts.prompts.map(([prompt]) => prompt!.tokens);
    // With each row there may be a more precise one to measure against.
    const scored = [...this.#done.values()].filter((done): done is Scored => done.scores !== null);
    const reference = recorded ?? rowReference(scored, facts);
    const rowOf = ({ row, scores }: Done): Row =>
      scores && isMeasured(row) ? { ...row, agreement: agreementWith(reference, scores) } : row;
    return {
      format: FORMAT,
      version: VERSION,
      date: `${new Date().toISOString().slice(0, 16)}Z`,
      source: null,
      app: { version, runtime: dependencies['onnxruntime-web'] },
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
      rows: this.#steps.flatMap((_, index) => (this.#done.has(index) ? [rowOf(this.#done.get(index)!)] : [])),
    };
  }
}

/**
 * The scores are those of the reference that the app has now. After an update it may be another one; such rows are measured again. Gaps are needed
 * where there is no recorded reference, because any row may become it.
 */
function fits({ text, sequences }: RowScores, { facts, recorded }: Prepared): boolean {
  const { length } = facts.textIds;
  if (text.argmax.length !== length || (!recorded && text.gaps.length !== length)) return false;
  const expected = recorded?.sequences ?? [];
  return (
    sequences.length === expected.length &&
    expected.every(({ argmax }, i) => sequences[i]!.argmax.length === argmax.length)
  );
}

function rowReference(scored: readonly Scored[], facts: ModelFacts): Reference | null {
  const best = mostPrecise(scored.map((done) => ({ ...done, form: done.row.form })));
  return best && referenceOf(`${best.row.label}, ${best.row.form}`, facts.textIds, best.scores);
}
