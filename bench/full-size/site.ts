/** The full-size page in a browser with a profile on the disk, the model served beside it by ranges. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Page } from 'playwright';
import { launch, type Session } from '../../scripts/cli/browser/launch.ts';
import { ROOT } from '../../scripts/build/app.ts';
import { serve } from '../../scripts/build/server.ts';
import { buildToolPage } from '../../scripts/build/tool-page.ts';
import { CACHE } from './make.ts';

export interface FullSizeSite {
  page: Page;
  session: Session;
  /** Folder of the browser's profile, which its processes have on their command lines. */
  profile: string;
  /** Opens the page again: its workers and their memory are gone. */
  reload(): Promise<void>;
  close(): Promise<void>;
}

/** `mounts`: folders by URL path; `intercept` sees every request first, as in scripts/build/server.ts. */
export async function openFullSizeSite(
  mounts: Record<string, string>,
  intercept: (request: IncomingMessage, response: ServerResponse) => boolean = () => false,
): Promise<FullSizeSite> {
  await mkdir(CACHE, { recursive: true });
  const root = join(CACHE, 'page');
  await buildToolPage(join(ROOT, 'bench'), 'full-size/page.html', root);
  const server = await serve({ root, mounts, intercept });
  // On the disk: a profile in memory keeps the store there too.
  const profile = await mkdtemp(join(CACHE, 'profile-'));
  const session = await launch({ profile, gpu: false });
  const { page } = session;
  const reload = async () => {
    await page.goto(`${server.url}full-size/page.html`);
    await page.waitForFunction(() => 'fullSize' in window);
  };
  await reload();
  return {
    page,
    session,
    profile,
    reload,
    async close() {
      await session.close();
      await server.close();
      await rm(profile, { recursive: true, force: true });
    },
  };
}
