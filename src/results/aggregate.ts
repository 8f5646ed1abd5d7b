/** What the collection says of each way to run a model: medians and spread over machines, and NPU against GPU on one machine. */
import { figure, isUnsteady, ratio, type Figure, type Ratio } from '../compare/figure.ts';
import { isSound } from '../compare/headline.ts';
import { measuredRows, type CompareResult, type Kind, type Measured } from '../compare/result.ts';
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

const BACKENDS = { webnn: 'WebNN', webgpu: 'WebGPU', wasm: 'WASM', native: '', browser: 'LanguageModel' };

/** WASM runs on the CPU by its nature, and one thread is another thing than many. */
export function groupName({ backend, kind, form, label, threads }: Measured): string {
  const name = backend === 'native' ? label : BACKENDS[backend];
  const device = backend === 'wasm' ? (threads === 1 ? '1 thread' : 'threads') : kind?.toUpperCase();
  return [[name, device].filter(Boolean).join(' '), form === 'auto' ? null : form].filter(Boolean).join(', ');
}

export function groupsOf(entries: readonly Entry[]): Group[] {
  const groups = new Map<string, Entry[]>();
  for (const entry of entries) {
    const key = JSON.stringify([groupName(entry.row), modelOf(entry)]);
    groups.set(key, [...(groups.get(key) ?? []), entry]);
  }
  return [...groups.values()]
    .map((all): Group => {
      const over = (of: (row: Measured) => Figure | null) => overMachines(all, of);
      const decode = over((row) => row.decodeTokensPerSecond);
      const prefill = over((row) => row.prefillTokensPerSecond);
      const ttft = over((row) => row.ttftMs);
      return {
        name: groupName(all[0]!.row),
        model: modelOf(all[0]!),
        machines: new Set(all.map(({ machine }) => machine.file)).size,
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
  const perMachine = new Map<string, number[]>();
  let unsteady = 0;
  for (const { machine, row } of entries) {
    const found = of(row);
    if (!found) continue;
    if (isUnsteady(found)) unsteady++;
    else perMachine.set(machine.file, [...(perMachine.get(machine.file) ?? []), found.median]);
  }
  return { figure: figure([...perMachine.values()].map((medians) => figure(medians)!.median)), unsteady };
}

/** The fastest NPU row and the fastest GPU row of one result. */
export interface Pair {
  machine: Machine;
  result: CompareResult;
  npu: Measured;
  gpu: Measured;
  decode: Ratio;
  prefill: Ratio | null;
}

export function pairsOf(entries: readonly Entry[]): Pair[] {
  const results = new Map<CompareResult, Entry[]>();
  for (const entry of entries.filter(({ row }) => !row.otherModel))
    results.set(entry.result, [...(results.get(entry.result) ?? []), entry]);
  return [...results].flatMap(([result, all]): Pair[] => {
    const [npu, gpu] = (['npu', 'gpu'] as const).map((kind) =>
      fastest(
        all.map(({ row }) => row),
        kind,
      ),
    );
    if (!npu?.decodeTokensPerSecond || !gpu?.decodeTokensPerSecond) return [];
    const [read, reads] = [npu.prefillTokensPerSecond, gpu.prefillTokensPerSecond];
    return [
      {
        machine: all[0]!.machine,
        result,
        npu,
        gpu,
        decode: ratio(npu.decodeTokensPerSecond, gpu.decodeTokensPerSecond),
        prefill: read && reads ? ratio(read, reads) : null,
      },
    ];
  });
}

function fastest(rows: readonly Measured[], kind: Kind): Measured | null {
  return rows
    .filter((row) => row.kind === kind && row.backend !== 'native' && row.decodeTokensPerSecond !== null)
    .reduce<Measured | null>(
      (best, row) => (best && best.decodeTokensPerSecond!.median >= row.decodeTokensPerSecond!.median ? best : row),
      null,
    );
}

/** Sorted, each once. */
export const choices = (entries: readonly Entry[], of: (entry: Entry) => string): string[] =>
  [...new Set(entries.map(of))].sort((a, b) => a.localeCompare(b, 'en'));
