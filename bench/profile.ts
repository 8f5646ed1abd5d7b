/** `npm run bench:profile`: where the time of a token goes. */
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { profileOnDawn } from './dawn/profile.ts';
import { whole } from '../scripts/cli/whole.ts';
import { GRAPHS, type GraphName } from './onnx/make.ts';
import type { ProfileRequest, ProfileResult } from './page/profile.worker.ts';
import { profileInBrowser } from './profile-place.ts';
import { table } from './report.ts';
import { prepareStarter } from './starter.ts';

const USAGE = `npm run bench:profile -- [options]
  --backend wasm|webgpu|webnn   default wasm
  --device browser|dawn         default browser
  --form FORM                   default auto
  --context N                   tokens in the cache before decoding; default 40
  --prefill N                   reads a prompt of N tokens instead of decoding
  --runs N                      default 12
  --steps N                     tokens chosen in one run of the decoder; default 6
  --capture on|off              WebGPU: graph capture; default on
  --peer transformers.js        that engine instead of this one; needs --device dawn
  --graph NAME                  the graph that it is given (bench/onnx/make.ts); default model_float16
  --threads N                   default: all cores
  --browser PATH                another Chromium`;
/** As the generation loop: a run lasts about 150 ms. */
const STEPS = '6';
const FORMS = ['auto', 'int4', 'int8-blocks', 'int8', 'float16', 'float32'] as const;

/** The profiler itself costs time: its shares are laid over the time without it. A GPU's kernels take as long as they do: theirs are of the run that was profiled. */
function lines(plain: ProfileResult, profiled: ProfileResult): string[][] {
  const ops = profiled.ops!;
  const { decodeMs, tokens } = ops.onGpu ? profiled : plain;
  const perToken = decodeMs / tokens;
  const inside = plain.sessionMs / plain.tokens;
  const nodesMs = Object.values(ops.kinds).reduce((sum, kind) => sum + kind.ms, 0);
  const onGpu = nodesMs / profiled.tokens;
  const crossing = Math.max(0, profiled.sessionMs - ops.runMs) / profiled.tokens;
  const scale = ops.onGpu ? 1 : (inside - crossing) / (ops.runMs / profiled.tokens);
  const row = (what: string, ms: number, nodes: string, most: string) => [
    what,
    ms.toFixed(2),
    `${((100 * ms) / perToken).toFixed(1)} %`,
    nodes,
    most,
  ];
  const kinds = Object.entries(ops.kinds).sort(([, a], [, b]) => b.ms - a.ms);
  return [
    ['', 'ms a token', 'share', 'nodes', 'most of it'],
    ...kinds.map(([kind, { ms, nodes, ops: each }]) => {
      const most = Object.entries(each).sort(([, a], [, b]) => b - a);
      return row(
        kind,
        (ms / profiled.tokens) * scale,
        String(Math.round(nodes / profiled.tokens)),
        most
          .slice(0, 3)
          .map(([op]) => op)
          .join(', '),
      );
    }),
    ...(ops.onGpu
      ? [
          row('choosing the token, and the GPU waiting for work', perToken - onGpu, '', ''),
          row('beside it, on the host: inside the session', inside, '', 'without the profiler'),
        ]
      : [
          row('between nodes', ((ops.runMs - nodesMs) / profiled.tokens) * scale, '', ''),
          row('crossing into and out of the session', crossing, '', ''),
          row('JavaScript around it', perToken - inside, '', ''),
        ]),
    row(
      'all',
      perToken,
      '',
      `${(1000 / perToken).toFixed(1)} tok/s; with the profiler ${(profiled.decodeMs / profiled.tokens).toFixed(1)} ms a token`,
    ),
  ];
}

interface Wanted {
  backend: 'wasm' | 'webgpu' | 'webnn';
  onDawn: boolean;
  browser: string | undefined;
  /** Of transformers.js, where that is profiled. */
  graph: GraphName | null;
  request: Omit<ProfileRequest, 'profiled'>;
}

/** Throws with a sentence where an option makes no sense; null for `--help`. */
function parse(): Wanted | null {
  const text = { type: 'string' } as const;
  const { values } = parseArgs({
    options: {
      help: { type: 'boolean', short: 'h' },
      backend: { ...text, default: 'wasm' },
      device: { ...text, default: 'browser' },
      form: { ...text, default: 'auto' },
      context: { ...text, default: '40' },
      prefill: text,
      runs: { ...text, default: '12' },
      steps: { ...text, default: STEPS },
      capture: { ...text, default: 'on' },
      peer: text,
      graph: { ...text, default: 'model_float16' },
      threads: { ...text, default: String(availableParallelism()) },
      browser: text,
    },
  });
  if (values.help) return null;
  const one = <T extends string>(what: string, value: string, known: readonly T[]): T => {
    const found = known.find((name) => name === value);
    if (found === undefined) throw new Error(`${what} "${value}" is unknown: choose from ${known.join(', ')}.`);
    return found;
  };
  const backend = one('The backend', values.backend, ['wasm', 'webgpu', 'webnn']);
  const onDawn = one('The device', values.device, ['browser', 'dawn']) === 'dawn';
  if (onDawn && backend !== 'webgpu') throw new Error('--device dawn needs --backend webgpu.');
  if (values.peer !== undefined && !onDawn) throw new Error('--peer needs --device dawn.');
  const peer = values.peer !== undefined && one('The peer', values.peer, ['transformers.js']);
  return {
    backend,
    onDawn,
    browser: values.browser,
    graph: peer ? one('The graph', values.graph, Object.keys(GRAPHS) as GraphName[]) : null,
    request: {
      backend,
      threads: whole(values.threads, 'threads', 1),
      context: whole(values.context, 'context', 1),
      runs: whole(values.runs, 'runs', 1),
      form: one('The form', values.form, FORMS),
      steps: whole(values.steps, 'steps', 1),
      capture: one('--capture', values.capture, ['on', 'off']) === 'on',
      ...(values.prefill !== undefined && { prefill: whole(values.prefill, 'prefill', 1) }),
      modelUrl: 'starter.gguf',
    },
  };
}

async function profile({ backend, onDawn, browser, graph, request }: Wanted): Promise<void> {
  const starter = await prepareStarter(graph);
  const place = onDawn ? await profileOnDawn(starter, graph) : await profileInBrowser(starter, { backend, browser });
  try {
    const plain = await place.profile({ ...request, profiled: false });
    const what = request.prefill ? `a prompt of ${request.prefill} tokens` : `${request.context} tokens of context`;
    console.log(
      `${place.machine}\n${place.agent}\n${graph ? `transformers.js, ${graph}, ` : ''}${backend}, ${request.threads} threads, ${what}, ${plain.tokens} tokens ${request.prefill ? 'read' : 'decoded'}: ${(plain.decodeMs / plain.tokens).toFixed(1)} ms a token\n`,
    );
    const profiled = await place.profile({ ...request, profiled: true }).catch((error: unknown) => {
      throw new Error('ONNX Runtime failed while its profiler was on.', { cause: error });
    });
    console.log(table(lines(plain, profiled), [0, 4]));
  } finally {
    await place.close();
  }
}

const wanted = parse();
if (wanted) await profile(wanted);
else console.log(USAGE);
