/** A process with WebGPU and, in it, a worker of the app: see process/main.ts. */
import { fork } from 'node:child_process';
import { availableParallelism, loadavg } from 'node:os';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { wrap, type Endpoint, type Remote } from 'comlink';
import { ROOT } from '../../scripts/build/app.ts';
import { DAWN } from './kit.ts';
import type { Envelope } from './process/shim.ts';
import type { Witness } from './process/witness.ts';

const file = (name: string) => fileURLToPath(new URL(`./process/${name}`, import.meta.url));
/** Dawn's remarks on limits that nobody asked for. */
const REMARK = /^Warning: max\w+ artificially reduced/;
/** The end of the process's output, enough to see why it ended. */
const TAIL = 2000;

/** How much longer than on an idle machine a device may take: as many programs as want each core. Systems other than Linux and macOS tell none. */
const patience = (): number => Math.max(1, loadavg()[0]! / availableParallelism());

/** How to start a GPU process. */
export interface Launch {
  command: string;
  args: readonly string[];
  env: Readonly<Record<string, string>>;
}

export interface GpuProcess<Api> {
  worker: Remote<Api>;
  witness: Remote<Witness>;
  /** Rejects when the process ends, with the last that it wrote. */
  ended: Promise<never>;
  end(): void;
}

/** `worker`: path of the module, or null for the witness alone. */
export function startGpuProcess<Api>({ command, args, env }: Launch, worker: string | null): GpuProcess<Api> {
  const child = fork(file('main.ts'), [DAWN, ...(worker === null ? [] : [worker])], {
    cwd: ROOT,
    execPath: command,
    execArgv: [...args, '--import', pathToFileURL(file('hooks.ts')).href],
    env: { ...process.env, PHI_PATIENCE: String(patience()), ...env, NODE_OPTIONS: '' },
    serialization: 'advanced',
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  let said = '';
  for (const stream of [child.stdout!, child.stderr!]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      const lines = text.split('\n').filter((line) => !REMARK.test(line));
      said = `${said}${lines.join('\n')}`.slice(-TAIL);
    });
  }
  const ended = new Promise<never>((_resolve, reject) => {
    child.on('error', reject);
    child.on('exit', (code, signal) =>
      reject(new Error(`The GPU process ended (${signal ?? `code ${code}`}). ${said.trim()}`)),
    );
  });
  ended.catch(() => undefined); // heard by every call
  const endpoint = (to: Envelope['to']): Endpoint => {
    const hearers = new Map<unknown, (envelope: Envelope) => void>();
    return {
      addEventListener: (_type, listener) => {
        const hear = (envelope: Envelope) => {
          if (envelope.to !== to) return;
          const event = new MessageEvent('message', { data: envelope.data });
          if (typeof listener === 'function') listener(event);
          else listener.handleEvent(event);
        };
        hearers.set(listener, hear);
        child.on('message', hear);
      },
      removeEventListener: (_type, listener) => {
        const hear = hearers.get(listener);
        if (hear) child.off('message', hear);
      },
      postMessage: (data: unknown) => child.send({ to, data } satisfies Envelope),
    };
  };
  return {
    worker: settled(wrap<Api>(endpoint('worker')), ended),
    witness: settled(wrap<Witness>(endpoint('witness')), ended),
    ended,
    end: () => child.kill('SIGKILL'),
  };
}

/** Calls that the end of the process settles. */
function settled<Api>(remote: Remote<Api>, ended: Promise<never>): Remote<Api> {
  const target = remote as unknown as Record<string, (...args: unknown[]) => Promise<unknown>>;
  return new Proxy(target, {
    get: (_target, name) =>
      name === 'then' ? undefined : (...args: unknown[]) => Promise.race([target[name as string]!(...args), ended]),
  }) as unknown as Remote<Api>;
}
