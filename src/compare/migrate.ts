/** Results of older versions of the format, brought up to date. Only adds what is missing: the schema checks everything afterwards. */
import { ROW_DEFAULTS } from './row-defaults.ts';

type Fields = Record<string, unknown>;
const isObject = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** A result of version 1 as version 2; anything else as it is. */
export function migrate(value: unknown): unknown {
  if (!isObject(value) || value['version'] !== 1) return value;
  const { rows } = value;
  return {
    ...value,
    version: 2,
    source: null,
    rows: Array.isArray(rows)
      ? rows.map((row: unknown) =>
          isObject(row) && !('absent' in row) ? { ...ROW_DEFAULTS, traces: [], ...row } : row,
        )
      : rows,
  };
}
