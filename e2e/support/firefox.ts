/** Firefox, where the system has it (Debian: firefox-esr): Playwright drives only builds of its own, Puppeteer any, by WebDriver BiDi. */
import puppeteer, { type Browser } from 'puppeteer-core';
import { findOnPath, firstExecutable } from '../../scripts/cli/browser/on-path.ts';
import type { Witness } from '../../scripts/cli/browser/witness.ts';

const NAMES = ['firefox-esr', 'firefox'];

/** Path of a Firefox: PHI_FIREFOX, or the first on the PATH; null when there is none. */
export const findFirefox = (): Promise<string | null> =>
  process.env.PHI_FIREFOX ? firstExecutable([process.env.PHI_FIREFOX]) : findOnPath(NAMES);

/** Starts it with a fresh profile. What it sends to another host than this machine ends at the witness. */
export function launchFirefox(executablePath: string, witness: Witness): Promise<Browser> {
  return puppeteer.launch({
    browser: 'firefox',
    executablePath,
    headless: true,
    // As the other browsers have it: on Puppeteer's 800 x 600 the list of chats is folded away.
    defaultViewport: { width: 1280, height: 800 },
    extraPrefsFirefox: {
      'network.proxy.type': 1,
      'network.proxy.http': '127.0.0.1',
      'network.proxy.http_port': witness.port,
      'network.proxy.ssl': '127.0.0.1',
      'network.proxy.ssl_port': witness.port,
      'network.proxy.no_proxies_on': '127.0.0.1, localhost',
      'intl.accept_languages': 'en-US',
    },
  });
}
