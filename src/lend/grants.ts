/** Which sites a person lends their model to, and until when. Kept in this browser; only pages of ours can read it. */
import * as v from 'valibot';

const KEY = 'phi-lend-grants';
const HOUR_MS = 3_600_000;

/** How long the app remembers that the person agreed. Each visit still needs a click in our own window. */
export const TERMS = { once: 0, hour: HOUR_MS, month: 30 * 24 * HOUR_MS } as const;
export type Term = keyof typeof TERMS;

const Grant = v.object({ origin: v.string(), model: v.string(), until: v.number() });
export type Grant = v.InferOutput<typeof Grant>;

/** What still holds, the newest first. Damaged records count as none. */
export function readGrants(storage: Storage = localStorage, now = Date.now()): Grant[] {
  let value: unknown;
  try {
    value = JSON.parse(storage.getItem(KEY) ?? '[]');
  } catch {
    value = []; // a damaged list lends nothing
  }
  const list = Array.isArray(value) ? value : [];
  return list.filter((one): one is Grant => v.is(Grant, one)).filter(({ until }) => until > now);
}

export const grantFor = (origin: string, storage?: Storage): Grant | null =>
  readGrants(storage).find((grant) => grant.origin === origin) ?? null;

export function addGrant(origin: string, model: string, term: Term, storage: Storage = localStorage): void {
  const others = readGrants(storage).filter((grant) => grant.origin !== origin);
  const mine = term === 'once' ? [] : [{ origin, model, until: Date.now() + TERMS[term] }];
  storage.setItem(KEY, JSON.stringify([...mine, ...others]));
}

/** Takes the site's permission away; a window that lends to it hears of it by the storage event. */
export function revokeGrant(origin: string, storage: Storage = localStorage): void {
  storage.setItem(KEY, JSON.stringify(readGrants(storage).filter((grant) => grant.origin !== origin)));
}

export const GRANTS_KEY = KEY;
