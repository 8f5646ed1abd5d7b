/** One machine of the collection in `results/`: a name, results of the compare screen, and what was wrong with them. Documented in docs/compare.md. */
import * as v from 'valibot';
import { PhiError } from '../../workers/shared/errors.ts';
import { isSoftwareAdapter } from '../../workers/shared/software-adapter.ts';
import { check, isMeasured, LARGEST_BYTES, parseJson, ResultSchema, type CompareResult } from '../compare/result.ts';
import { migrate } from '../compare/migrate.ts';

export const MACHINE_FORMAT = 'phi-in-a-tab/machine';
const MACHINE_VERSION = 1;

const Text = v.pipe(v.string(), v.maxLength(2_000));
const Day = v.pipe(v.string(), v.regex(/^\d{4}-\d\d-\d\d$/));

const MachineSchema = v.object({
  format: v.literal(MACHINE_FORMAT),
  version: v.literal(MACHINE_VERSION),
  machine: v.object({
    /** As its owner calls it: "Surface Laptop 7, Snapdragon X Elite". */
    name: v.pipe(v.string(), v.trim(), v.minLength(1), v.maxLength(120)),
    /** Nothing here is a GPU or an NPU: adapters are programs. Such a machine shows that it works, not how fast it is. */
    software: v.boolean(),
    note: v.nullable(Text),
  }),
  /** Figures that turned out wrong. Rows that are left out count in no median. */
  errata: v.pipe(
    v.array(
      v.object({
        date: Day,
        text: Text,
        leftOut: v.pipe(v.array(v.object({ date: v.string(), label: v.string() })), v.maxLength(64)),
      }),
    ),
    v.maxLength(64),
  ),
  results: v.pipe(v.array(v.pipe(v.unknown(), v.transform(migrate), ResultSchema)), v.minLength(1), v.maxLength(32)),
});

export type MachineFile = v.InferOutput<typeof MachineSchema>;

/** No file of one machine is larger; a larger one is not parsed. In characters, which are about as many as bytes. */
const LARGEST_MACHINE = 2 * LARGEST_BYTES;

/** Reads a file of the collection. Throws `bad-request` with the reason in words; what the schema does not name is dropped. */
export function parseMachine(json: string): MachineFile {
  if (json.length > LARGEST_MACHINE)
    throw new PhiError('bad-request', 'The file is too large. The limit for one machine is 32 MB.');
  return check(MachineSchema, parseJson(json, 'The file'), 'The file');
}

/** True if no row ran on a GPU or an NPU, and the graphics adapter, where there is one, is a program. */
export const isSoftware = ({ machine, rows }: CompareResult): boolean =>
  (machine.adapter === null || isSoftwareAdapter(machine.adapter)) &&
  rows.every((row) => !isMeasured(row) || (row.kind ?? 'cpu') === 'cpu');

export const machineFile = (name: string, note: string, result: CompareResult): MachineFile => ({
  format: MACHINE_FORMAT,
  version: MACHINE_VERSION,
  machine: { name: name.trim(), software: isSoftware(result), note: note.trim() || null },
  errata: [],
  results: [result],
});

/** "Surface Laptop 7, X1E" -> "surface-laptop-7-x1e.json". */
export const fileNameOf = (name: string): string =>
  `${
    name
      .normalize('NFKD')
      .toLowerCase()
      .replace(/[^a-z0-9]+/g, '-')
      .replace(/^-+|-+$/g, '')
      .slice(0, 60) || 'machine'
  }.json`;
