/**
 * Servers that a person has allowed the engine to reach, besides the catalogue's: a mirror, a server on this machine. In IndexedDB, where
 * both the page and the service worker can read them; the service worker puts them into the policy of the engine's worker.
 */
import { PhiError } from '../errors.ts';
import { Table } from '../store/database.ts';

const table = new Table<{ since: number }>('phi-allowed-hosts');

/** The origin of an http(s) address, as a policy spells it. Throws `bad-request` for anything else. */
export function originOf(address: string): string {
  const url = URL.canParse(address) ? new URL(address) : null;
  if (url === null || !/^https?:$/.test(url.protocol)) throw new PhiError('bad-request', `"${address}" is no http or https address.`, { address });
  return url.origin;
}

/** Origins, in alphabetical order. What another program wrote there in a form that is no origin is left out. */
export async function allowedHosts(): Promise<string[]> {
  const entries = await table.entries();
  return entries.map(([origin]) => origin).filter((origin) => URL.canParse(origin) && new URL(origin).origin === origin);
}

export async function addAllowedHost(origin: string): Promise<void> {
  await table.set(originOf(origin), { since: Date.now() });
}

export async function removeAllowedHost(origin: string): Promise<void> {
  await table.delete([origin]);
}
