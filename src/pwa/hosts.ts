/** Servers that a worker may reach because the person named them; see workers/shared/allowed-hosts.ts. */
import { PhiError } from '../../workers/shared/errors.ts';
import { CSP, MODEL_HOSTS } from '../../workers/shared/headers.ts';
import { addAllowedHost, originOf, type Purpose } from '../../workers/shared/allowed-hosts.ts';
import engineUrl from '../../workers/engine.worker.ts?worker&url';
import compareUrl from '../../workers/server.worker.ts?worker&url';
import chatUrl from '../../workers/chat.worker.ts?worker&url';

const WORKERS: Readonly<Record<Purpose, string>> = { models: engineUrl, compare: compareUrl, chat: chatUrl };

/** The servers that a worker started now may reach; null: no policy is served, so it may reach all. */
async function connectSources(purpose: Purpose): Promise<string[] | null> {
  const { headers } = await fetch(WORKERS[purpose]);
  const policy = headers.get(CSP);
  if (policy === null) return null;
  return policy.split(';').flatMap((directive) => {
    const [name, ...sources] = directive.trim().split(/\s+/);
    return name === 'connect-src' ? sources : [];
  });
}

/** True if a source of a policy covers `origin`. Our policies have no paths and no wildcard ports. */
function covers(source: string, origin: string): boolean {
  if (source === "'self'") return origin === location.origin;
  const [, scheme, domain] = /^(https?:\/\/)\*\.(.+)$/.exec(source) ?? [];
  return scheme && domain ? origin.startsWith(scheme) && origin.endsWith(`.${domain}`) : source === origin;
}

async function isAllowed(purpose: Purpose, origin: string): Promise<boolean> {
  if (purpose === 'models' && MODEL_HOSTS.some((source) => covers(source, origin))) return true;
  const sources = await connectSources(purpose);
  return sources === null || sources.some((source) => covers(source, origin));
}

/** A slow first visit installs its service worker for so long. */
const INSTALL_MS = 30_000;

/** Resolves when the service worker that is being installed has taken up the page; at once where there is none. */
async function whenControlled(): Promise<void> {
  const container = navigator.serviceWorker as ServiceWorkerContainer | undefined;
  if (!container || container.controller || !(await container.getRegistration())) return;
  await new Promise<void>((resolve) => {
    setTimeout(resolve, INSTALL_MS);
    container.addEventListener('controllerchange', () => resolve(), { once: true });
    if (container.controller) resolve();
  });
}

/**
 * Lets the worker reach the server at `address`. A worker keeps the policy that it was started with.
 * @returns whether a worker that runs has to be started again
 * Rejects with `bad-request` (no http(s) address) or `network`: without a service worker the policy is the server's alone.
 */
export async function allowHost(purpose: Purpose, address: string): Promise<boolean> {
  const origin = originOf(address);
  if (await isAllowed(purpose, origin)) return false;
  await addAllowedHost(purpose, origin);
  await whenControlled();
  if (await isAllowed(purpose, origin)) return true;
  throw new PhiError(
    'network',
    `The page cannot reach ${origin}. Its security policy lists the allowed servers, and only a service worker can add one. This browser runs no service worker for this page (a private window, or a first visit that did not finish loading). Reload the page, or open it in a normal window.`,
    { origin },
  );
}
