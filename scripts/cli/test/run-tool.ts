import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { ROOT } from '../../build/app.ts';

/**
 * Runs a tool of node_modules/.bin in the root of the repository, without stdin; resolves with its exit status. `say` takes all of its output at the end
 * in place of the terminal, for tools that run side by side.
 */
export function runTool(
  command: readonly string[],
  env: Record<string, string> = {},
  say?: (output: string) => void,
): Promise<number> {
  const path = [join(ROOT, 'node_modules', '.bin'), process.env.PATH].join(process.platform === 'win32' ? ';' : ':');
  const child = spawn(command[0]!, command.slice(1), {
    cwd: ROOT,
    stdio: ['ignore', say ? 'pipe' : 'inherit', say ? 'pipe' : 'inherit'],
    shell: process.platform === 'win32',
    env: { ...process.env, PATH: path, CI: process.env.CI ?? 'true', ...env },
  });
  const output: Buffer[] = [];
  child.stdout?.on('data', (data: Buffer) => output.push(data));
  child.stderr?.on('data', (data: Buffer) => output.push(data));
  return new Promise((resolve) => {
    const end = (status: number): void => {
      say?.(Buffer.concat(output).toString());
      resolve(status);
    };
    child.on('error', (error) => {
      console.error(error.message);
      end(1);
    });
    child.on('close', (code) => end(code ?? 1));
  });
}
