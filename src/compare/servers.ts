/** Servers on this machine that speak the OpenAI chat API: where they usually are, and what makes them answer a page. */
import * as v from 'valibot';
import { PhiError } from '../../workers/shared/errors.ts';

export const SERVER_KINDS = ['llamacpp', 'ollama', 'lmstudio', 'lemonade', 'ovms', 'foundry', 'vllm', 'other'] as const;
export type ServerKind = (typeof SERVER_KINDS)[number];

interface Preset {
  name: string;
  /** Its default address. */
  address: string;
}

export const PRESETS: Readonly<Record<ServerKind, Preset>> = {
  llamacpp: { name: 'llama.cpp', address: 'http://127.0.0.1:8080/v1' },
  ollama: { name: 'Ollama', address: 'http://127.0.0.1:11434/v1' },
  lmstudio: { name: 'LM Studio', address: 'http://127.0.0.1:1234/v1' },
  lemonade: { name: 'Lemonade Server', address: 'http://localhost:13305/api/v1' },
  ovms: { name: 'OpenVINO Model Server', address: 'http://127.0.0.1:8000/v3' },
  foundry: { name: 'Foundry Local', address: 'http://127.0.0.1:5273/v1' },
  vllm: { name: 'vLLM', address: 'http://127.0.0.1:8000/v1' },
  other: { name: 'OpenAI API', address: 'http://127.0.0.1:8000/v1' },
};

export interface ServerSettings {
  kind: ServerKind;
  address: string;
  model: string;
  /** For a server that is not on this machine: the person agrees that the comparison reaches it. */
  allowed?: boolean;
}

const LOOPBACK = ['127.0.0.1', 'localhost'];

const isHere = ({ protocol, hostname }: URL): boolean => protocol === 'http:' && LOOPBACK.includes(hostname);
const isWeb = ({ protocol }: URL): boolean => /^https?:$/.test(protocol);

/** True if the address belongs to another machine, which has to be allowed. Anything that is not a URL counts as local. */
export function isElsewhere(address: string): boolean {
  const url = URL.canParse(address.trim()) ? new URL(address.trim()) : null;
  return url !== null && isWeb(url) && !isHere(url);
}

/** The address without a slash at the end. Throws `bad-request` if it is not an address, and for every host except this machine unless it is `allowed`. */
export function checkAddress(address: string, allowed = false): string {
  let url: URL;
  try {
    url = new URL(address.trim());
  } catch {
    throw new PhiError('bad-request', `"${address}" is not an address. Write it like http://127.0.0.1:8080/v1.`);
  }
  if (!isHere(url) && !(allowed && isWeb(url))) {
    throw new PhiError(
      'bad-request',
      `${address} is not on this device (http://127.0.0.1 or http://localhost). Allow this server first.`,
    );
  }
  if (url.username || url.password || url.search || url.hash) {
    throw new PhiError('bad-request', `${address} must not contain a password, "?" or "#".`);
  }
  return `${url.origin}${url.pathname.replace(/\/+$/, '')}`;
}

const STORAGE_KEY = 'phi-compare-servers';
const ServersSchema = v.pipe(
  v.array(
    v.object({
      kind: v.picklist(SERVER_KINDS),
      address: v.pipe(v.string(), v.maxLength(300)),
      model: v.pipe(v.string(), v.maxLength(200)),
      allowed: v.optional(v.boolean()),
    }),
  ),
  v.maxLength(8),
);

/** Servers of earlier visits: shown, never asked by themselves. */
export function readServers(): ServerSettings[] {
  try {
    const result = v.safeParse(ServersSchema, JSON.parse(localStorage.getItem(STORAGE_KEY) ?? '[]'));
    return result.success ? result.output : [];
  } catch {
    return []; // Damaged or forbidden storage counts as empty.
  }
}

export function keepServers(servers: readonly ServerSettings[]): void {
  try {
    localStorage.setItem(STORAGE_KEY, JSON.stringify(servers));
  } catch {
    // If storage is forbidden, they last as long as the page.
  }
}
