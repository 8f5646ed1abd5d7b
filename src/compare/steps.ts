/** What a run asks for, and the rows that come of it. */
import type { NativeServer } from '../../workers/shared/compare-protocol.ts';
import type { PhiError } from '../../workers/shared/errors.ts';
import { estimateRow, type Entry, type Measures, type Setting } from './plan.ts';
import type { MeasuredModel } from './prepare.ts';
import type { Absent } from './result.ts';
import { askedOf } from './row-defaults.ts';

export interface ServerEntry extends NativeServer {
  /** "Ollama". */
  label: string;
}

export interface CompareRequest {
  model: MeasuredModel;
  setting: Setting;
  measures: Measures;
  entries: Entry[];
  servers: ServerEntry[];
  shuffled: boolean;
  /** A WebGPU adapter that is a program (SwiftShader) runs the tiny model where `model` would take it hours. */
  standIn: boolean;
  /** Also the model that the browser has built in. */
  builtIn: boolean;
}

/** One row to be. */
export type Step = { entry: Entry } | { server: ServerEntry } | { builtIn: true };

export const stepsOf = ({ entries, servers, builtIn }: CompareRequest): Step[] => [
  ...entries.map((entry) => ({ entry })),
  ...servers.map((server) => ({ server })),
  ...(builtIn ? [{ builtIn } as const] : []),
];

/** Seconds that a row takes with a model of so many bytes, about. */
export const estimateStep = (step: Step, modelBytes: number, measures: Measures): number =>
  estimateRow('entry' in step ? step.entry.id : 'native', modelBytes, measures);

/** The label of the browser's own model, the same in every language. */
export const BUILT_IN = 'LanguageModel';

/** Names of the rows, while they run. */
export function labelOf(step: Step): string {
  if ('server' in step) return step.server.label;
  if ('builtIn' in step) return BUILT_IN;
  const { label, target } = step.entry;
  return target.form === 'auto' ? label : `${label}, ${target.form}`;
}

const BACKEND_ADVICE = 'Run this row alone. If it hangs again, the cause is the driver.';
const SERVER_ADVICE =
  'Check whether the server is busy, and whether the browser is asking to allow access to the local network.';

/** What a person can do about a row that says nothing. */
export const adviceFor = (step: Step): string => ('server' in step ? SERVER_ADVICE : BACKEND_ADVICE);

export const serverIdentity = ({ label, model }: ServerEntry) => ({
  label,
  backend: 'native' as const,
  asked: askedOf('native'),
  form: model.slice(0, 200),
});

export const builtInIdentity = () => ({
  label: BUILT_IN,
  backend: 'browser' as const,
  asked: askedOf('browser'),
  form: 'auto',
});

/** The row of a step that could not be measured, with the reason. */
export function absentRow(step: Step, error: Pick<PhiError, 'message' | 'detail'>): Absent {
  const absent = error.message.slice(0, 1_000);
  if ('server' in step)
    return { ...serverIdentity(step.server), absent, ...(error.detail?.['refused'] && { refused: true }) };
  if ('builtIn' in step) return { ...builtInIdentity(), absent };
  const { label, target } = step.entry;
  return {
    label,
    backend: target.backend,
    asked: target,
    form: target.form,
    absent,
  };
}
