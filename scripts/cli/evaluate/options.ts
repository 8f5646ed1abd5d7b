import { parseArgs } from 'node:util';
import type { BackendId, DeviceType, WeightFormat } from '../../../workers/shared/protocol.ts';
import { WEIGHT_FORMATS } from '../../../workers/shared/weight-formats.ts';

const BACKENDS = ['auto', 'wasm', 'webgpu', 'webnn'] as const satisfies readonly (BackendId | 'auto')[];
const FORMS = ['auto', ...WEIGHT_FORMATS] as const;
const DEVICES = ['npu', 'gpu', 'cpu'] as const satisfies readonly DeviceType[];

/** Float rounding through a whole network; quantised activations need more. */
export const DEFAULT_TOLERANCE = 0.05;

/** How a model is run and judged. */
export interface RunOptions {
  backend: BackendId | 'auto';
  form: WeightFormat | 'auto';
  device?: DeviceType;
  tolerance: number;
  contextLength?: number;
  threads?: number;
  stages?: number;
  calibrate?: boolean;
  browser?: string;
  browserArgs: string[];
  json?: string;
}

export interface Options extends RunOptions {
  model: string;
  cases?: string;
  text?: string;
  schema?: string;
  tools?: string;
  /** Longest reply for `schema` and `tools`. */
  tokens: number;
}

export interface AllOptions extends RunOptions {
  /** Folders, or references themselves. */
  folders: string[];
  /** Lengths of the prompts that are taken; null: all. */
  prompts: number[] | null;
  /** Most that one model may take. */
  seconds: number;
}

/** Options that `npm run evaluate` and `npm run evaluate:all` share. */
export const OPTIONS_USAGE = `  --backend NAME    ${BACKENDS.join(' | ')}; default: wasm
  --form NAME       ${FORMS.join(' | ')}; default: auto
  --device NAME     ${DEVICES.join(' | ')}; the device to request from WebNN
  --tolerance X     largest allowed difference of a logit; default: ${DEFAULT_TOLERANCE}
  --context N       KV slots; default: as many as model and device allow
  --threads N       threads of WebAssembly; default: all cores
  --stages N        cuts the model into N workers on WASM; default: as few as possible
  --calibrate       int4-columns and int4-groups: compensates rounding errors, measured on the built-in texts
  --browser PATH    another browser, which can use this machine's GPU; default: the one from npm
  --browser-arg X   a flag for the browser; may be repeated
  --json OUT.json   writes all figures to this file`;

export const USAGE = `npm run evaluate -- --model PATH [--cases EXPECTED.json] [--text FILE] [--schema FILE] [--tools FILE] --json OUT.json
Runs the built app's own engine in a headless browser on a model from the disk.
  --model PATH      a model's file, or a folder with one model at its top level
  --cases FILE      reference numbers: {cases: [{input_ids, last_logits, argmax_all, greedy}]}; missing keys are not checked
  --text FILE       reports the teacher-forced negative log-likelihood of a text
  --schema FILE     share of replies that are valid without and with the constraint: a JSON schema, or {cases: [{prompt, schema}]}
  --tools FILE      share of replies whose calls are valid, and how often the model chooses the right tool: {tools: [{name, description, parameters}], cases: [{prompt, call, arguments}]}
  --tokens N        longest reply for --schema and --tools; default: 256
${OPTIONS_USAGE}
Exit status: 0 within the tolerance, 1 outside it, 2 if it could not run or there was nothing to check.`;

function oneOf<T extends string>(name: string, value: string, allowed: readonly T[]): T {
  const found = allowed.find((one) => one === value);
  if (found === undefined) throw new Error(`--${name} ${value}: it must be one of ${allowed.join(', ')}.`);
  return found;
}

function positive(name: string, value: string | undefined): number | undefined {
  if (value === undefined) return undefined;
  const number = Number(value);
  if (!Number.isInteger(number) || number < 1)
    throw new Error(`--${name} ${value}: it must be a whole number above 0.`);
  return number;
}

const RUN_OPTIONS = {
  backend: { type: 'string', default: 'wasm' },
  form: { type: 'string', default: 'auto' },
  device: { type: 'string' },
  tolerance: { type: 'string', default: String(DEFAULT_TOLERANCE) },
  context: { type: 'string' },
  threads: { type: 'string' },
  stages: { type: 'string' },
  calibrate: { type: 'boolean', default: false },
  browser: { type: 'string' },
  'browser-arg': { type: 'string', multiple: true },
  json: { type: 'string' },
  help: { type: 'boolean', short: 'h', default: false },
} as const;

type RunValues = ReturnType<typeof parseArgs<{ options: typeof RUN_OPTIONS }>>['values'];

function runOptions(values: RunValues): RunOptions {
  const tolerance = Number(values.tolerance);
  if (values.tolerance.trim() === '' || !(tolerance >= 0) || !Number.isFinite(tolerance))
    throw new Error(`--tolerance ${values.tolerance}: it must be a number, 0 or more.`);
  return {
    backend: oneOf('backend', values.backend, BACKENDS),
    form: oneOf('form', values.form, FORMS),
    device: values.device === undefined ? undefined : oneOf('device', values.device, DEVICES),
    tolerance,
    contextLength: positive('context', values.context),
    threads: positive('threads', values.threads),
    stages: positive('stages', values.stages),
    calibrate: values.calibrate,
    browser: values.browser,
    browserArgs: values['browser-arg'] ?? [],
    json: values.json,
  };
}

/** Reads the command line of `npm run evaluate`; null when help was asked for. Throws one line that names what is wrong. */
export function parseOptions(args: string[]): Options | null {
  const { values } = parseArgs({
    args,
    options: {
      ...RUN_OPTIONS,
      model: { type: 'string' },
      cases: { type: 'string' },
      text: { type: 'string' },
      schema: { type: 'string' },
      tools: { type: 'string' },
      tokens: { type: 'string', default: '256' },
    },
  });
  if (values.help) return null;
  const { model, cases, text, schema, tools } = values;
  if (model === undefined) throw new Error('--model PATH is missing.');
  if ([cases, text, schema, tools].every((file) => file === undefined))
    throw new Error('There is nothing to check: give --cases, --text, --schema or --tools.');
  const tokens = positive('tokens', values.tokens)!;
  return { model, cases, text, schema, tools, tokens, ...runOptions(values) };
}

/** The same for `npm run evaluate:all`. */
export function parseAllOptions(args: string[]): AllOptions | null {
  const { values, positionals: folders } = parseArgs({
    args,
    allowPositionals: true,
    options: { ...RUN_OPTIONS, prompts: { type: 'string' }, seconds: { type: 'string', default: '300' } },
  });
  if (values.help) return null;
  if (folders.length === 0) throw new Error('FOLDER is missing: name the folder with the models.');
  const prompts = values.prompts?.split(',').map((length) => positive('prompts', length)!) ?? null;
  return { folders, prompts, seconds: positive('seconds', values.seconds)!, ...runOptions(values) };
}
