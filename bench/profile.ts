/** `npm run bench:profile`: where the time of a token goes. */
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { profileOnDawn } from './dawn/profile.ts';
import type { ProfileResult } from './page/profile.worker.ts';
import { profileInBrowser } from './profile-place.ts';
import { table } from './report.ts';
import { prepareStarter } from './starter.ts';

const USAGE = `npm run bench:profile -- [--backend wasm|webgpu|webnn] [--device browser|dawn] [--form auto] [--context 40] [--runs 12] [--threads N] [--browser PATH]`;
/** As the generation loop: a run lasts about 150 ms. */
const STEPS = 6;

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
      ? [row('choosing the token, and the GPU waiting for work', perToken - onGpu, '', '')]
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

async function main(): Promise<void> {
  const text = { type: 'string' } as const;
  const { values } = parseArgs({
    options: {
      help: { type: 'boolean', short: 'h' },
      backend: { ...text, default: 'wasm' },
      device: { ...text, default: 'browser' },
      form: { ...text, default: 'auto' },
      context: { ...text, default: '40' },
      runs: { ...text, default: '12' },
      threads: { ...text, default: String(availableParallelism()) },
      browser: text,
    },
  });
  const backend = (['wasm', 'webgpu', 'webnn'] as const).find((name) => name === values.backend);
  const form = (['auto', 'int4', 'int8-blocks', 'int8', 'float16', 'float32'] as const).find(
    (name) => name === values.form,
  );
  if (values.help) {
    console.log(USAGE);
    return;
  }
  if (!backend) throw new Error(`The backend "${values.backend}" is unknown.\n\n${USAGE}`);
  if (!form) throw new Error(`The form "${values.form}" is unknown.\n\n${USAGE}`);
  const onDawn = values.device === 'dawn';
  if (!onDawn && values.device !== 'browser') throw new Error(`The device "${values.device}" is unknown.\n\n${USAGE}`);
  if (onDawn && backend !== 'webgpu') throw new Error('--device dawn needs --backend webgpu.');
  const starter = await prepareStarter(null);
  const place = onDawn
    ? await profileOnDawn(starter)
    : await profileInBrowser(starter, { backend, browser: values.browser });
  try {
    const request = {
      backend,
      threads: Number(values.threads),
      context: Number(values.context),
      runs: Number(values.runs),
      form,
      steps: STEPS,
      modelUrl: 'starter.gguf',
    };
    const plain = await place.profile({ ...request, profiled: false });
    const decodeMs = plain.decodeMs / plain.tokens;
    console.log(
      `${place.machine}\n${place.agent}\n${backend}, ${request.threads} threads, ${request.context} tokens of context, ${plain.tokens} tokens decoded: ${decodeMs.toFixed(1)} ms a token\n`,
    );
    const profiled = await place.profile({ ...request, profiled: true }).catch((error: unknown) => {
      throw new Error('ONNX Runtime failed while its profiler was on.', { cause: error });
    });
    console.log(table(lines(plain, profiled), [0, 4]));
  } finally {
    await place.close();
  }
}

await main();
