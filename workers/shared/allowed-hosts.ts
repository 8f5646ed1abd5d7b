/**
 * Servers that a person has allowed, besides the catalogue's and this machine's: in IndexedDB, where both the page and the service worker can read them; the service
 * worker puts them into the policy of the worker that may reach them.
 */
import { PhiError } from './errors.ts';
import { Table } from './database.ts';
import type { Purpose } from './headers.ts';

export type { Purpose } from './headers.ts';
export const PURPOSES: readonly Purpose[] = ['models', 'compare', 'chat'];

const TABLES: Readonly<Record<Purpose, Table<{ since: number }>>> = {
  models: new Table('phi-allowed-hosts'),
  compare: new Table('phi-allowed-compare-hosts'),
  chat: new Table('phi-allowed-chat-hosts'),
};

/** The origin of an http(s) address, as a policy spells it. Throws `bad-request` for anything else. */
export function originOf(address: string): string {
  const url = URL.canParse(address) ? new URL(address) : null;
  if (url === null || !/^https?:$/.test(url.protocol))
    throw new PhiError('bad-request', `"${address}" is not an http or https address.`, { address });
  return url.origin;
}

/** Origins, in alphabetical order. Entries that are not origins (written by another program) are left out. */
export async function allowedHosts(purpose: Purpose): Promise<string[]> {
  const entries = await TABLES[purpose].entries();
  return entries
    .map(([origin]) => origin)
    .filter((origin) => URL.canParse(origin) && new URL(origin).origin === origin);
}

export async function addAllowedHost(purpose: Purpose, origin: string): Promise<void> {
  await TABLES[purpose].set(originOf(origin), { since: Date.now() });
}

export async function removeAllowedHost(purpose: Purpose, origin: string): Promise<void> {
  await TABLES[purpose].delete([origin]);
}
