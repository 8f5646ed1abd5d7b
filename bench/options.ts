import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { whole } from '../scripts/cli/whole.ts';
import { PEER_NAMES, type BackendName, type PeerName } from './peers/peer.ts';

export const TASKS = ['40', '100', '512', '1500', '4096', 'second-turn', 'load', 'rewrite'] as const;
const USUAL = TASKS.filter((task) => task !== '100' && task !== '4096');
export type Task = (typeof TASKS)[number];

export const USAGE = `npm run bench -- [options]
  --backend wasm|webgpu|webnn   default wasm
  --device browser|dawn         default browser. dawn: WebGPU in Node, on a GPU or Mesa's lavapipe (see e2e/gpu); runs ours and transformers.js
  --peers a,b                   ours, wllama, transformers.js, padded-webnn, matmuls-webnn; default: all that fit the backend
  --tasks a,b                   ${TASKS.join(', ')}; default: all but 100 and 4096
                                (rewrite: this engine alone, and all its replies once more with prompt lookup)
  --rounds N                    default 5; engines take turns within each round
  --tokens N                    length of a reply, default 128
  --temperature T               of this engine's replies; default 0. The other engines always take the likeliest token
  --context N                   KV slots; default: the smallest of 512, 1024, 2048 and 5120 that fits the tasks
  --threads N                   default: all cores
  --retries N                   repeats of a measurement if other programs took over 10 % of the processor; default 2
  --minutes N                   what has not begun after N minutes is left out; each engine of a round has the same share. Default: no limit
  --wait SECONDS                longest wait for an idle machine before each measurement; default 0
  --browser PATH                another Chromium, which can use this machine's GPU; default: the one from npm
  --browser-args "A B"          more flags for the browser
  --settings JSON               {"wllama": {"n_ubatch": 64}, "ours": {"form": "float32"}}: overrides settings of an engine
  --json FILE                   writes the figures as JSON`;

export interface Options {
  backend: BackendName;
  /** The source of WebGPU. */
  device: 'browser' | 'dawn';
  peers: PeerName[];
  tasks: Task[];
  rounds: number;
  tokens: number;
  /** Sampling temperature of this engine's replies. */
  temperature: number;
  context: number | undefined;
  threads: number;
  retries: number;
  waitSeconds: number;
  minutes: number | undefined;
  browser: string | undefined;
  browserArgs: string[];
  settings: Partial<Record<PeerName, Record<string, unknown>>>;
  json: string | undefined;
}

const BACKENDS = ['wasm', 'webgpu', 'webnn'] as const;
const DEFAULT_PEERS: Record<BackendName, PeerName[]> = {
  wasm: ['ours', 'wllama', 'transformers.js'],
  webgpu: ['ours', 'transformers.js'],
  webnn: ['ours', 'padded-webnn', 'matmuls-webnn'],
};

function listOf<T extends string>(text: string, known: readonly T[], what: string): T[] {
  return text.split(',').map((item) => {
    const found = known.find((name) => name === item.trim());
    if (found === undefined) throw new Error(`${what} "${item}" is unknown: choose from ${known.join(', ')}.`);
    return found;
  });
}

function temperatureOf(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !(value >= 0 && value <= 2))
    throw new Error(`--temperature takes a number from 0 to 2, not "${text}".`);
  return value;
}

/** Throws with a sentence where an option makes no sense; null for `--help`. */
export function parseOptions(args: string[]): Options | null {
  const text = { type: 'string' } as const;
  const { values } = parseArgs({
    args,
    options: {
      help: { type: 'boolean', short: 'h' },
      backend: { ...text, default: 'wasm' },
      device: { ...text, default: 'browser' },
      peers: text,
      tasks: { ...text, default: USUAL.join(',') },
      rounds: { ...text, default: '5' },
      tokens: { ...text, default: '128' },
      temperature: { ...text, default: '0' },
      context: text,
      threads: { ...text, default: String(availableParallelism()) },
      retries: { ...text, default: '2' },
      wait: { ...text, default: '0' },
      minutes: text,
      browser: text,
      'browser-args': { ...text, default: '' },
      settings: { ...text, default: '{}' },
      json: text,
    },
  });
  if (values.help) return null;
  const backend = listOf(values.backend, BACKENDS, 'The backend')[0]!;
  const device = listOf(values.device, ['browser', 'dawn'] as const, 'The device')[0]!;
  if (device === 'dawn' && backend !== 'webgpu') throw new Error('--device dawn needs --backend webgpu.');
  return {
    backend,
    device,
    peers: values.peers === undefined ? DEFAULT_PEERS[backend] : listOf(values.peers, PEER_NAMES, 'The peer'),
    tasks: listOf(values.tasks, TASKS, 'The task'),
    rounds: whole(values.rounds, 'rounds', 1),
    tokens: whole(values.tokens, 'tokens', 2),
    temperature: temperatureOf(values.temperature),
    context: values.context === undefined ? undefined : whole(values.context, 'context', 1),
    threads: whole(values.threads, 'threads', 1),
    retries: whole(values.retries, 'retries', 0),
    waitSeconds: whole(values.wait, 'wait', 0),
    minutes: values.minutes === undefined ? undefined : whole(values.minutes, 'minutes', 1),
    browser: values.browser,
    browserArgs: values['browser-args'].split(/\s+/).filter(Boolean),
    settings: JSON.parse(values.settings) as Options['settings'],
    json: values.json,
  };
}
