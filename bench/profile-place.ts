/** Where a profile is taken: on a page of a browser, or in a process with Dawn (dawn/profile.ts). */
import type { ProfileRequest, ProfileResult } from './page/profile.worker.ts';
import type { BackendName } from './peers/peer.ts';
import { openSite } from './site.ts';
import type { Starter } from './starter.ts';

export interface ProfilePlace {
  /** Processor, memory and system; and what runs the engine, in its own words. */
  machine: string;
  agent: string;
  /** In a fresh page or process. */
  profile(request: ProfileRequest): Promise<ProfileResult>;
  close(): Promise<void>;
}

export async function profileInBrowser(
  starter: Starter,
  { backend, browser }: { backend: BackendName; browser: string | undefined },
): Promise<ProfilePlace> {
  const site = await openSite(starter, { backend, browser, browserArgs: [] });
  return {
    machine: site.machine,
    agent: site.agent,
    async profile(request) {
      const page = await site.browser.context.newPage();
      try {
        await page.goto(`${site.url}bench.html`);
        await page.waitForFunction(() => 'bench' in window);
        return await page.evaluate((wanted) => window.bench.profile(wanted), request);
      } finally {
        await page.close();
      }
    },
    close: () => site.close(),
  };
}
