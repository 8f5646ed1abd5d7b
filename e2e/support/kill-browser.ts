import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { Session } from '../../scripts/cli/browser/launch.ts';

/** As when the machine's power goes: no handler runs. Every process of the browser has its profile on the command line, or a parent that has. */
export async function killProfile(profile: string): Promise<void> {
  await promisify(execFile)('pkill', ['-KILL', '-f', `user-data-dir=${profile}`]);
}

export async function killBrowser(session: Session, profile: string): Promise<void> {
  const closed = new Promise<void>((resolve) => session.context.once('close', () => resolve()));
  await killProfile(profile);
  await closed;
  await session.close();
}
