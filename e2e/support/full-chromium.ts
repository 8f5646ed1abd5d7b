/** A browser with all that the headless shell lacks, where the machine has one. */
import { findOnPath } from '../../scripts/cli/browser/on-path.ts';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable', 'microsoft-edge'];

/** Path of a full Chromium on the PATH; null when there is none. */
export const fullChromium = (): Promise<string | null> => findOnPath(NAMES);
