/** Compares NPU and GPU in one sentence, by evidence. If one of them is missing, it compares the devices that ran. */
import { isUnsteady, ratio, type Figure, type Ratio } from './figure.ts';
import { measuredRows, type CompareResult, type Kind, type Measured } from './result.ts';

/** A row that finds fewer of the sure steps computes wrongly, so its speed is meaningless. */
const SOUND_SHARE = 0.98;

type Able = Measured & { decodeTokensPerSecond: Figure; prefillTokensPerSecond: Figure };

/** Two rows of one machine on different kinds of device: how many times as fast as the second the first one is. */
export interface Pair {
  first: Able;
  second: Able;
  decode: Ratio;
  prefill: Ratio;
  /** The rounds of a figure differ too much for the ratio to be quoted. */
  unsteady: boolean;
}

export type Headline =
  | ({ kind: 'pair' } & Pair)
  /** Nothing but one kind of device ran. */
  | { kind: 'alone'; row: Measured; unsteady: boolean }
  | { kind: 'none' };

export const isSound = ({ agreement }: Pick<Measured, 'agreement'>): boolean =>
  (agreement?.atGap07.share ?? 1) >= SOUND_SHARE;

/** The fastest sound row of the tab on that kind of device, with the model of the run. */
function fastest(rows: readonly Measured[], kind: Kind): Able | null {
  const able = rows.filter(
    (row): row is Able =>
      row.kind === kind &&
      row.backend !== 'native' &&
      !row.otherModel &&
      row.decodeTokensPerSecond !== null &&
      row.prefillTokensPerSecond !== null &&
      isSound(row),
  );
  return able.reduce<(typeof able)[0] | null>(
    (best, row) => (best && best.decodeTokensPerSecond.median >= row.decodeTokensPerSecond.median ? best : row),
    null,
  );
}

function pairOf(first: Able, second: Able): Pair {
  const figures = [first, second].flatMap((row) => [row.decodeTokensPerSecond, row.prefillTokensPerSecond]);
  return {
    first,
    second,
    decode: ratio(first.decodeTokensPerSecond, second.decodeTokensPerSecond),
    prefill: ratio(first.prefillTokensPerSecond, second.prefillTokensPerSecond),
    unsteady: figures.some(isUnsteady),
  };
}

/** NPU against GPU; null unless both ran. */
export function npuAgainstGpu(rows: readonly Measured[]): Pair | null {
  const [npu, gpu] = [fastest(rows, 'npu'), fastest(rows, 'gpu')];
  return npu && gpu && pairOf(npu, gpu);
}

export function headline(result: CompareResult): Headline {
  const rows = measuredRows(result);
  const [first, second] = (['npu', 'gpu', 'cpu'] as const)
    .map((kind) => fastest(rows, kind))
    .filter((row) => row !== null);
  if (!first) return { kind: 'none' };
  if (!second) return { kind: 'alone', row: first, unsteady: isUnsteady(first.decodeTokensPerSecond) };
  return { kind: 'pair', ...pairOf(first, second) };
}
