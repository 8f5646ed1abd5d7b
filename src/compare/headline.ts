/** Compares NPU and GPU in one sentence, by evidence. If one of them is missing, it compares the devices that ran. */
import { isUnsteady, ratio, type Figure, type Ratio } from './figure.ts';
import { measuredRows, type CompareResult, type Kind, type Measured } from './result.ts';

/** A row that finds fewer of the sure steps computes wrongly, so its speed is meaningless. */
const SOUND_SHARE = 0.98;

export type Headline =
  | { kind: 'pair'; first: Measured; second: Measured; decode: Ratio; prefill: Ratio; unsteady: boolean }
  /** Nothing but one kind of device ran. */
  | { kind: 'alone'; row: Measured; unsteady: boolean }
  | { kind: 'none' };

export const isSound = ({ agreement }: Pick<Measured, 'agreement'>): boolean =>
  (agreement?.atGap07.share ?? 1) >= SOUND_SHARE;

type Able = Measured & { decodeTokensPerSecond: Figure; prefillTokensPerSecond: Figure };

/** The fastest sound row of the tab on that kind of device. */
function fastest(rows: readonly Measured[], kind: Kind): Able | null {
  const able = rows.filter(
    (row): row is Able =>
      row.kind === kind && row.decodeTokensPerSecond !== null && row.prefillTokensPerSecond !== null && isSound(row),
  );
  return able.reduce<(typeof able)[0] | null>(
    (best, row) => (best && best.decodeTokensPerSecond.median >= row.decodeTokensPerSecond.median ? best : row),
    null,
  );
}

export function headline(result: CompareResult): Headline {
  const rows = measuredRows(result).filter(({ backend, otherModel }) => backend !== 'native' && !otherModel);
  const [first, second] = (['npu', 'gpu', 'cpu'] as const)
    .map((kind) => fastest(rows, kind))
    .filter((row) => row !== null);
  if (!first) return { kind: 'none' };
  if (!second) return { kind: 'alone', row: first, unsteady: isUnsteady(first.decodeTokensPerSecond) };
  const figures = [first, second].flatMap((row) => [row.decodeTokensPerSecond, row.prefillTokensPerSecond]);
  return {
    kind: 'pair',
    first,
    second,
    decode: ratio(first.decodeTokensPerSecond, second.decodeTokensPerSecond),
    prefill: ratio(first.prefillTokensPerSecond, second.prefillTokensPerSecond),
    unsteady: figures.some(isUnsteady),
  };
}
