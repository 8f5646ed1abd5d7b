import { ensureBuilt, ensureEvaluatePage } from '../../scripts/build/app.ts';
import { npmChromium } from '../../scripts/cli/browser/chromium.ts';

/** Once before all browser tests: the app and the page of `npm run evaluate` are built, the browser unpacked. */
export async function setup(): Promise<void> {
  await ensureBuilt();
  await ensureEvaluatePage();
  if (!process.env.PHI_BROWSER) await npmChromium();
}
