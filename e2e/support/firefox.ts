/** Firefox, the system's or Debian's unpacked: Playwright drives only builds of its own, Puppeteer any, by WebDriver BiDi. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import puppeteer, { type Browser } from 'puppeteer-core';
import { ROOT } from '../../scripts/build/app.ts';
import { findOnPath, firstExecutable } from '../../scripts/cli/browser/on-path.ts';
import type { Witness } from '../../scripts/cli/browser/witness.ts';
import { unpackDebian } from './debian.ts';

const NAMES = ['firefox-esr', 'firefox'];
/** Root of Debian's packages. */
const KIT = join(ROOT, '.cache/firefox');
const KIT_FIREFOX = join(KIT, 'usr/lib/firefox-esr/firefox-esr');
/** Its own libraries first: the system's NSS may be older. */
const KIT_LIBRARIES = ['usr/lib/firefox-esr', 'usr/lib/x86_64-linux-gnu', 'lib/x86_64-linux-gnu'];

export const NO_FIREFOX =
  'there is no Firefox: none on the PATH, none that PHI_FIREFOX names, and none in .cache/firefox ("npm run test:browsers" fetches it on Debian)';

/** Path of a Firefox: PHI_FIREFOX, or the first on the PATH, or the one that `fetchFirefox` brought; null when there is none. */
export async function findFirefox(): Promise<string | null> {
  if (process.env.PHI_FIREFOX) return firstExecutable([process.env.PHI_FIREFOX]);
  return (await findOnPath(NAMES)) ?? (await firstExecutable([KIT_FIREFOX]));
}

/** Fetches Firefox ESR with its libraries from Debian 12 where the machine has none: older libraries run on newer systems. Linux on x86-64 only. */
export async function fetchFirefox(say: (line: string) => void): Promise<void> {
  if ((await findFirefox()) !== null) return;
  if (process.platform !== 'linux' || process.arch !== 'x64' || !existsSync('/usr/bin/apt-get')) return;
  say(`Fetching Firefox ESR from Debian 12 into ${KIT} (200 MB) ...`);
  // The system's C library stays: it belongs to the system's loader.
  await unpackDebian({ suite: 'bookworm', packages: ['firefox-esr'], without: /^libc6_/ }, KIT);
}

const kitEnvironment = (path: string): NodeJS.ProcessEnv =>
  path === KIT_FIREFOX
    ? { ...process.env, LD_LIBRARY_PATH: KIT_LIBRARIES.map((folder) => join(KIT, folder)).join(':') }
    : process.env;

/** Starts it with a fresh profile. What it sends to another host than this machine ends at the witness. */
export function launchFirefox(executablePath: string, witness: Witness): Promise<Browser> {
  return puppeteer.launch({
    browser: 'firefox',
    executablePath,
    env: kitEnvironment(executablePath),
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
