import { ensureBuilt } from '../../scripts/build/app.ts';
import { npmChromium } from '../../scripts/cli/browser/chromium.ts';

/** Once before all browser tests: the app is built, the browser unpacked. */
export async function setup(): Promise<void> {
  await ensureBuilt();
  if (!process.env.PHI_BROWSER) await npmChromium();
}
