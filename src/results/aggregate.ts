/** What the collection says of each way to run a model: medians and spread over machines, and NPU against GPU on one machine. */
import { groupBy } from '../../workers/shared/group-by.ts';
import { figure, isUnsteady, type Figure } from '../compare/figure.ts';
import { isSound, npuAgainstGpu, type Pair } from '../compare/headline.ts';
import { measuredRows, type CompareResult, type Kind, type Measured } from '../compare/result.ts';
import { BUILT_IN } from '../compare/steps.ts';
import { BACKENDS } from '../models/backends.ts';
import type { Machine } from './collection.ts';

/** A row that counts, with where it comes from. */
export interface Entry {
  machine: Machine;
  result: CompareResult;
  row: Measured;
}

export interface Filter {
  kind: Kind | 'all';
  backend: Measured['backend'] | 'all';
  model: string;
  system: string;
  /** Also machines whose adapters are programs. */
  software: boolean;
}

export const EVERYTHING: Filter = { kind: 'all', backend: 'all', model: '', system: '', software: true };

/** Every row that computes correctly, of no other model than its result's, and not left out by an erratum. */
export function entriesOf(machines: readonly Machine[]): Entry[] {
  return machines.flatMap((machine) => {
    const out = new Set(machine.errata.flatMap(({ leftOut }) => leftOut.map(({ date, label }) => `${date} ${label}`)));
    return machine.results.flatMap((result) =>
      measuredRows(result)
        .filter((row) => isSound(row) && !out.has(`${result.date} ${row.label}`))
        .map((row) => ({ machine, result, row })),
    );
  });
}

/** The model that a row ran: its own where that is another than the result's. */
export const modelOf = ({ result, row }: Entry): string => (row.otherModel ? row.model : result.model.name);

export const filtered = (entries: readonly Entry[], filter: Filter): Entry[] =>
  entries.filter((entry) => {
    const { machine, result, row } = entry;
    return (
      (filter.kind === 'all' || row.kind === filter.kind) &&
      (filter.backend === 'all' || row.backend === filter.backend) &&
      (filter.model === '' || modelOf(entry) === filter.model) &&
      (filter.system === '' || result.machine.system === filter.system) &&
      (filter.software || !machine.machine.software)
    );
  });

/** Rows of one backend on one kind of device, with one format of weights and one model. */
export interface Group {
  /** "WebNN NPU, int8". */
  name: string;
  model: string;
  machines: number;
  software: boolean;
  /** Over machines: `rounds` is the number of machines, `spread` the distance between the fastest and the slowest. */
  decode: Figure | null;
  prefill: Figure | null;
  ttft: Figure | null;
  /** Figures that were too unsteady to count. */
  unsteady: number;
}

/** WASM always runs on the CPU, so its rows are told apart by their threads. A server is called by its own name. */
export function groupName({ backend, kind, form, label, threads }: Measured): string {
  const name = backend === 'native' ? label : { ...BACKENDS, browser: BUILT_IN }[backend];
  const device = backend === 'wasm' ? (threads === 1 ? '1 thread' : 'threads') : kind?.toUpperCase();
  return [[name, device].filter(Boolean).join(' '), form === 'auto' ? null : form].filter(Boolean).join(', ');
}

export function groupsOf(entries: readonly Entry[]): Group[] {
  const groups = groupBy(entries, (entry) => JSON.stringify([groupName(entry.row), modelOf(entry)]));
  return [...groups.values()]
    .map((all): Group => {
      const over = (of: (row: Measured) => Figure | null) => overMachines(all, of);
      const decode = over((row) => row.decodeTokensPerSecond);
      const prefill = over((row) => row.prefillTokensPerSecond);
      const ttft = over((row) => row.ttftMs);
      return {
        name: groupName(all[0]!.row),
        model: modelOf(all[0]!),
        machines: machineCount(all),
        software: all.every(({ machine }) => machine.machine.software),
        decode: decode.figure,
        prefill: prefill.figure,
        ttft: ttft.figure,
        unsteady: decode.unsteady + prefill.unsteady + ttft.unsteady,
      };
    })
    .sort((a, b) => a.model.localeCompare(b.model, 'en') || (b.decode?.median ?? 0) - (a.decode?.median ?? 0));
}

/** Each machine counts once, with the median of its own figures; figures too unsteady to quote do not count. */
function overMachines(
  entries: readonly Entry[],
  of: (row: Measured) => Figure | null,
): { figure: Figure | null; unsteady: number } {
  const found = entries.flatMap(({ machine, row }) => {
    const one = of(row);
    return one ? [{ file: machine.file, one }] : [];
  });
  const steady = found.filter(({ one }) => !isUnsteady(one));
  const perMachine = [...groupBy(steady, ({ file }) => file).values()].map(
    (all) => figure(all.map(({ one }) => one.median))!.median,
  );
  return { figure: figure(perMachine), unsteady: found.length - steady.length };
}

/** The fastest NPU row and the fastest GPU row of one result. */
export interface MachinePair extends Pair {
  machine: Machine;
  result: CompareResult;
}

export const pairsOf = (entries: readonly Entry[]): MachinePair[] =>
  [...groupBy(entries, ({ result }) => result)].flatMap(([result, all]) => {
    const pair = npuAgainstGpu(all.map(({ row }) => row));
    return pair ? [{ machine: all[0]!.machine, result, ...pair }] : [];
  });

/** How many machines the rows are of. */
export const machineCount = (entries: readonly Entry[]): number =>
  new Set(entries.map(({ machine }) => machine.file)).size;

/** Sorted, each once. */
export const choices = (entries: readonly Entry[], of: (entry: Entry) => string): string[] =>
  [...new Set(entries.map(of))].sort((a, b) => a.localeCompare(b, 'en'));
