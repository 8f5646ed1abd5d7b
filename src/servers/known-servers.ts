/** Servers that a person has chatted with: offered in the menu of models, never asked or chosen by themselves. Keys are not among them. */
import * as v from 'valibot';
import { SERVER_KINDS } from '../compare/servers.ts';

const STORAGE_KEY = 'phi-chat-servers';
const MOST_SERVERS = 16;

const KnownServersSchema = v.array(
  v.object({
    kind: v.picklist(SERVER_KINDS),
    address: v.pipe(v.string(), v.url(), v.maxLength(300)),
    model: v.pipe(v.string(), v.minLength(1), v.maxLength(300)),
    /** A key was entered for it. */
    key: v.boolean(),
  }),
);

export type KnownServer = v.InferOutput<typeof KnownServersSchema>[number];

export function readKnownServers(): KnownServer[] {
  try {
    const result = v.safeParse(KnownServersSchema, JSON.parse(localStorage.getItem(STORAGE_KEY) ?? '[]'));
    return result.success ? result.output : [];
  } catch {
    return []; // Damaged or forbidden storage counts as empty.
  }
}

const isSame = (a: KnownServer, b: KnownServer): boolean => a.address === b.address && a.model === b.model;

/** The list with `server` first. */
export function withServer(servers: readonly KnownServer[], server: KnownServer): KnownServer[] {
  return [server, ...withoutServer(servers, server)].slice(0, MOST_SERVERS);
}

export const withoutServer = (servers: readonly KnownServer[], server: KnownServer): KnownServer[] =>
  servers.filter((other) => !isSame(other, server));

export function keepKnownServers(servers: readonly KnownServer[]): void {
  try {
    localStorage.setItem(STORAGE_KEY, JSON.stringify(servers));
  } catch {
    // Where storage is forbidden, they last as long as the menu.
  }
}
