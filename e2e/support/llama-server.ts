/** llama.cpp behind its OpenAI API: `llama-cpp-python[server]` from PyPI in a virtual environment of its own, built at the first call. */
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { promisify } from 'node:util';
import { ROOT } from '../../scripts/build/app.ts';

const run = promisify(execFile);
const VERSION = '0.3.36';
const HOME = join(ROOT, 'node_modules', '.cache', `llama-cpp-python-${VERSION}`);
const PYTHON = join(HOME, 'bin', 'python');
const BUILT = join(HOME, 'built');
const START_MS = 120_000;

/** Compiles llama.cpp: minutes. Throws what pip says. */
async function install(): Promise<void> {
  if (existsSync(BUILT)) return;
  console.error('Building llama-cpp-python (minutes) ...');
  await run('python3', ['-m', 'venv', HOME]);
  await run(PYTHON, ['-m', 'pip', 'install', '--quiet', `llama-cpp-python[server]==${VERSION}`], { maxBuffer: 1e8 });
  await run('touch', [BUILT]);
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

export interface LlamaServer {
  address: string;
  /**
   * Figures that llama.cpp printed since the last call, of each request: milliseconds that it took to read the prompt, and tokens a second while it
   * wrote. It keeps the head that the chat template gives every prompt, so its own tokens a second of reading are of fewer tokens than the prompt has.
   */
  takeTimings(): { prefillMs: number[]; decode: number[] };
  close(): Promise<void>;
}

export async function startLlamaServer(model: string, threads: number): Promise<LlamaServer> {
  await install();
  const port = await freePort();
  const options = [
    '--host',
    '127.0.0.1',
    '--port',
    String(port),
    '--n_ctx',
    '1024',
    '--n_threads',
    String(threads),
    '--n_threads_batch',
    String(threads),
  ];
  const child: ChildProcess = spawn(
    PYTHON,
    ['-m', 'llama_cpp.server', '--model', model, '--model_alias', 'starter', ...options],
    {
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  let output = '';
  child.stdout!.on('data', (data: Buffer) => (output += data.toString()));
  child.stderr!.on('data', (data: Buffer) => (output += data.toString()));
  const address = `http://127.0.0.1:${port}/v1`;
  const began = performance.now();
  for (;;) {
    if (child.exitCode !== null || performance.now() - began > START_MS) {
      child.kill();
      throw new Error(`The server did not start: ${output.slice(-2000)}`);
    }
    const answer = await fetch(`${address}/models`).catch(() => null);
    if (answer?.ok) break;
    await wait(200);
  }
  return {
    address,
    takeTimings() {
      const rates = (kind: RegExp) => [...output.matchAll(kind)].map((match) => Number(match[1]));
      const timings = {
        prefillMs: rates(/prompt eval time =\s*([\d.]+) ms/g),
        decode: rates(/(?<!prompt )eval time =.*?([\d.]+) tokens per second/g),
      };
      output = '';
      return timings;
    },
    close: () =>
      new Promise((resolve) => {
        child.once('exit', () => resolve());
        child.kill();
      }),
  };
}
