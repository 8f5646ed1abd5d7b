/** Code of a test's own in the app's workers, run before the worker's. */
import type { Page, Worker } from 'playwright';

/** By page and pattern: of several routes for one request only the newest is asked. */
const injected = new WeakMap<Page, Map<string, string[]>>();

/**
 * Runs `wrap(arg)` at the start of every worker whose script `url` matches and that `page` starts from now on. `wrap` is sent as text: it sees
 * nothing of the test's module.
 */
export async function inject<T>(page: Page, url: RegExp, wrap: (arg: T) => void, arg: T): Promise<void> {
  const patterns = injected.get(page) ?? new Map<string, string[]>();
  injected.set(page, patterns);
  const code = `(${wrap.toString()})(${JSON.stringify(arg)});`;
  const before = patterns.get(url.source);
  if (before) return void before.push(code);
  const all = [code];
  patterns.set(url.source, all);
  // Answers of a service worker do not pass through routes.
  await page.addInitScript(() => (ServiceWorkerContainer.prototype.register = () => new Promise(() => undefined)));
  await page.route(url, async (route) => {
    const response = await route.fetch();
    await route.fulfill({ response, body: `${all.join('\n')}\n${await response.text()}` });
  });
}

/** Workers that start from now on are left as they are. */
export async function ejectAll(page: Page): Promise<void> {
  injected.delete(page);
  await page.unrouteAll();
}

export const EVALUATION = /evaluate\.worker.*\.js/;
export const ENGINE = /engine\.worker.*\.js/;

/** The evaluation worker of the page. */
export function evaluationWorker(page: Page): Worker {
  const found = page.workers().find((one) => EVALUATION.test(one.url()));
  if (!found) throw new Error('The page has no evaluation worker.');
  return found;
}

/** The engine worker's global scope after `keepDevices`: GPU devices and WebNN contexts, in the order in which they came. */
export type WithDevices = typeof globalThis & { devices: { destroy(): void }[] };

/** To be injected: keeps the worker's GPU devices and WebNN contexts at hand. */
export function keepDevices(): void {
  const devices: WithDevices['devices'] = ((globalThis as WithDevices).devices = []);
  const keep = (owner: { prototype: object } | undefined, name: string): void => {
    if (!owner) return;
    const original = Reflect.get(owner.prototype, name) as (...args: unknown[]) => Promise<{ destroy(): void }>;
    Reflect.set(owner.prototype, name, async function (this: unknown, ...args: unknown[]) {
      const device = await original.apply(this, args);
      devices.push(device);
      return device;
    });
  };
  const scope = globalThis as unknown as Record<'GPUAdapter' | 'ML', { prototype: object } | undefined>;
  keep(scope.GPUAdapter, 'requestDevice');
  keep(scope.ML, 'createContext');
}
