/** llama.cpp with its server and llama-bench: Debian's packages, unpacked into `.cache/llama` at the first call. Linux on x86-64 only. */
import { execFile, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { promisify } from 'node:util';
import { ROOT } from '../../scripts/build/app.ts';
import { unpackDebian } from './debian.ts';

const run = promisify(execFile);
const KIT = join(ROOT, '.cache/llama');
/** The packages bring their own C library, because Debian 12's is too old for them. */
const LIBRARIES = join(KIT, 'usr/lib/x86_64-linux-gnu');
const START_MS = 120_000;

/** How a program of the packages is started: by their own loader, where llama.cpp finds its kernels in the working directory. */
async function program(name: 'llama-server' | 'llama-bench'): Promise<{ loader: string; args: string[]; cwd: string }> {
  if (!existsSync(KIT)) {
    console.error(`Fetching llama.cpp from Debian into ${KIT} (20 MB) ...`);
    await unpackDebian({ suite: 'forky', packages: ['llama.cpp-tools'] }, KIT);
  }
  return {
    loader: join(LIBRARIES, 'ld-linux-x86-64.so.2'),
    args: ['--library-path', `${LIBRARIES}:${join(LIBRARIES, 'llama')}`, join(KIT, 'usr/bin', name)],
    cwd: join(LIBRARIES, 'ggml/backends0'),
  };
}

/** What `llama-bench -o jsonl` prints for these options, three rounds of each test. */
export async function runLlamaBench(model: string, threads: number, ...options: string[]): Promise<string> {
  const { loader, args, cwd } = await program('llama-bench');
  const fixed = ['-m', model, '-t', String(threads), '-r', '3', '-o', 'jsonl'];
  return (await run(loader, [...args, ...fixed, ...options], { cwd })).stdout;
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
  /** Figures that llama.cpp printed since the last call, of each request: milliseconds that it took to read the prompt, and tokens a second while it wrote. */
  takeTimings(): { prefillMs: number[]; decode: number[] };
  close(): Promise<void>;
}

export async function startLlamaServer(model: string, threads: number): Promise<LlamaServer> {
  const { loader, args, cwd } = await program('llama-server');
  const port = await freePort();
  const options = { host: '127.0.0.1', port, model, alias: 'starter', 'ctx-size': 1024, parallel: 1 };
  const child = spawn(
    loader,
    [
      ...args,
      ...Object.entries({ ...options, threads, 'threads-batch': threads }).flatMap(([name, value]) => [
        `--${name}`,
        String(value),
      ]),
      '--no-ui',
      // It would keep the head that the chat template gives every prompt, and read fewer tokens than the prompt has.
      '--no-cache-prompt',
    ],
    { cwd, stdio: ['ignore', 'pipe', 'pipe'] },
  );
  let output = '';
  child.stdout.on('data', (data: Buffer) => (output += data.toString()));
  child.stderr.on('data', (data: Buffer) => (output += data.toString()));
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
