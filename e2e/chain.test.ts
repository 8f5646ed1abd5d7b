/** Which backend a visitor gets, in browsers that have more and less. */
import { existsSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { SettingsValues } from '../src/settings/settings.svelte.ts';
import { ask, GREEDY, launchApp, serveTinyApp, type AppServer } from './support/app.ts';
import type { LaunchOptions, Session } from '../scripts/cli/browser/launch.ts';

/** Debian's: WebNN is compiled out of it. */
const DEBIAN = '/usr/bin/chromium';

let server: AppServer;
let session: Session;

serveTinyApp(
  (served) => (server = served),
  () => session,
);

/** A first visit with a question; resolves with what Diagnostics says afterwards. */
async function visit(settings: Partial<SettingsValues>, options: LaunchOptions): Promise<string> {
  session = await launchApp({ ...GREEDY, maxTokens: 4, ...settings }, options);
  const { page } = session;
  await page.goto(server.url);
  await page.getByRole('button', { name: /^Download .* and start$/ }).click();
  const { contextTokens } = await ask(page, 'Name three animals.');
  expect(contextTokens).toBeGreaterThan(0);
  await page.evaluate(() => (location.hash = '#/diagnostics'));
  await page.getByText('Load time').waitFor();
  return page.locator('main').innerText();
}

describe('the chain', () => {
  it('lands on WASM where there is nothing else, and says why', async () => {
    const report = await visit({ backend: 'auto' }, { gpu: false });
    expect(report).toMatch(/Backend\s+WASM/);
    expect(report).toMatch(/WebNN \(NPU\)\s+WebNN: this browser has no navigator\.ml/);
    expect(report).toMatch(/WebGPU\s+WebGPU: (?:this browser has no navigator\.gpu|the browser offers no adapter)/);
    expect(report).toMatch(/chrome:\/\/flags\/#web-machine-learning-neural-network/);
    expect(report).toMatch(/Single tokens\s+(?:1 thread\n|Up to \d+ threads; replies measure which number is fastest)/);
    expect(report).toMatch(/does not know English/); // a random model: float32 says the same
  });
});

describe('in Debian’s Chromium', () => {
  it.for([
    ['auto', false, /Backend\s+WASM/],
    ['webgpu', true, /Backend\s+WebGPU[\s\S]*SwiftShader/],
  ] as const)('%s with GPU flags %s', async ([backend, gpu, expected], { skip }) => {
    skip(!existsSync(DEBIAN), `${DEBIAN} is not installed`);
    const report = await visit({ backend }, { gpu, executable: DEBIAN });
    expect(report).toMatch(expected);
    if (backend === 'auto') expect(report).toMatch(/WebNN \(NPU\)\s+WebNN: /);
  });
});
