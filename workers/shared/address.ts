/**
 * What a person gives as the place of a model: a repository of a hub, a folder or file in one, or any file's URL; as they copy it from the
 * address bar, a button of the hub, or the command line of llama.cpp and Ollama.
 */
import { PhiError } from './errors.ts';
import { DEFAULT_HUB, isHubBase, MAIN } from './hub.ts';
import { isSafePath } from './manifest.ts';

export type Address =
  | {
      kind: 'repo';
      base: string;
      repo: string;
      /** Branch, commit or reference ("refs/pr/12"), not encoded. */
      revision: string;
      /** Folder or file inside; '' is all of it. */
      path: string;
      /** As written behind the colon of "owner/name:Q4_K_M": which of the files in it. */
      quantisation?: string;
    }
  | { kind: 'file'; url: string };

const NAME = /^\w[\w.-]*$/;
const NAME_OF_TWO = /^[\w.-]+\/[\w.-]+$/;
const QUANTISATION = /^([^:]*):([A-Za-z0-9][\w.-]*)$/;
/** Other names of the hub. */
const HUB_HOSTS: readonly string[] = ['huggingface.co', 'www.huggingface.co', 'hf.co', 'www.hf.co'];
/** The hub's sections besides models. */
const NO_MODELS: readonly string[] = ['datasets', 'spaces', 'docs', 'blog', 'papers', 'collections', 'settings', 'api'];
/** Programs whose command lines name a model, as the hub's pages and people's notes have them. */
const COMMANDS =
  /^(?:\$\s+|>\s+)?(?:uvx? |python3? -m |sudo |docker )?(?:curl|docker|git|hf|huggingface-cli|llama-(?:cli|run|server)|lms|mlx_lm[\w.]*|model|ollama|vllm|wget)\s/;
/** A word of a command line that is a model. */
const MODEL_WORD = /^(?:(?:https?|hf):\/\/\S+|[\w-][\w.-]*\/[\w.-]+(?:[/:]\S*)?)$/;
/** A link in Markdown, or a call in Python. */
const QUOTED = /\]\((\S+?)\)|from_pretrained\(\s*["']([^"']+)["']/;
/** What stands around an address in a sentence. */
const AROUND = /^[<"'`(（「『【“‘]+|[>"'`),.;!?）」』】”’、。，；！？]+$/gu;
/** An Ollama tag that does not name a quantisation. */
const LATEST = 'latest';

/** @param hub where "owner/name" is looked up: an address without a slash at its end. Throws `bad-request` for anything else. */
export function parseAddress(text: string, hub: string): Address {
  const trimmed = modelIn(text.replace(/[\u200b-\u200d\u2060\ufeff]/g, '').trim()).replace(AROUND, '');
  const base = isHubBase(hub) ? hub : DEFAULT_HUB;
  if (trimmed === '' || /\s/.test(trimmed)) throw wrong(trimmed);
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(trimmed)?.[1]?.toLowerCase();
  if (scheme === 'hf') return repository(base, trimmed.slice('hf://'.length).split('/'), trimmed);
  if (scheme === undefined && !hasHost(trimmed)) return repository(base, pathOf(trimmed).split('/'), trimmed);
  return byUrl(scheme === undefined ? `${schemeOf(trimmed)}://${trimmed}` : trimmed, base, trimmed);
}

/** The model's address in a command line, a link in Markdown or a line of Python; the text itself where it is none of these. */
function modelIn(text: string): string {
  const quoted = QUOTED.exec(text);
  if (quoted) return quoted[1] ?? quoted[2]!;
  if (!COMMANDS.test(text)) return text;
  const words = text.split(/\s+/).map((word) => word.replace(/^["']|["']$/g, ''));
  const at = words.findIndex((word) => MODEL_WORD.test(word));
  const [model, file] = at < 0 ? [text] : words.slice(at);
  // `hf download owner/name file`
  const isFile = /^(?:\S+\s+)*download\s/.test(text) && file !== undefined && /^[\w.][\w./-]*\.\w+$/.test(file);
  return isFile && NAME_OF_TWO.test(model!) ? `${model}/resolve/${MAIN}/${file}` : model!;
}

/** True if an address without a scheme begins with a server: one of the hub's, an address with a port, or a domain before a path of a file. */
function hasHost(text: string): boolean {
  const [first = '', ...rest] = text.split('/');
  if (rest.length === 0) return false;
  const host = first.toLowerCase().replace(/:\d+$/, '');
  if (HUB_HOSTS.includes(host) || host !== first.toLowerCase()) return true;
  if (host === 'localhost' || /^\d+(\.\d+){3}$/.test(host)) return true;
  const isDomain = /^[a-z0-9-]+(\.[a-z0-9-]+)*\.[a-z]{2,}$/.test(host);
  return isDomain && (rest.length > 1 || /\.(gguf|onnx|safetensors|json|xml)(\?|$)/i.test(rest[0]!));
}

/** Servers in a home or office network usually have no certificates. */
const schemeOf = (text: string): string =>
  /^(localhost|127\.|10\.|192\.168\.|172\.(1[6-9]|2\d|3[01])\.)/i.test(text) ? 'http' : 'https';

function byUrl(address: string, base: string, text: string): Address {
  if (!URL.canParse(address)) throw wrong(text);
  const url = new URL(address);
  if ((url.protocol !== 'https:' && url.protocol !== 'http:') || url.username || url.password) throw wrong(text);
  const home = homeOf(url, base);
  if (home !== null) {
    const path = url.pathname.slice(new URL(home).pathname.replace(/\/$/, '').length);
    return repository(home, path.split('/'), text);
  }
  decoded(url.pathname, text);
  return { kind: 'file', url: url.href };
}

/** The hub whose address this is, or null. */
function homeOf(url: URL, base: string): string | null {
  const own = new URL(base);
  const ownPath = own.pathname.replace(/\/$/, '');
  if (url.origin === own.origin && (url.pathname === ownPath || url.pathname.startsWith(`${ownPath}/`))) return base;
  return HUB_HOSTS.includes(url.hostname) && url.port === '' ? DEFAULT_HUB : null;
}

const pathOf = (text: string): string => text.replace(/[?#].*$/, '');

/** `owner/name`, `owner/name:quantisation`, `owner/name/tree/revision/folder`: segments as they stand in the address, encoded. */
function repository(base: string, segments: readonly string[], text: string): Address {
  const parts = segments.filter((part) => part !== '').map((part) => decoded(part, text));
  if (NO_MODELS.includes(parts[0] ?? '') && parts.length > 1)
    throw new PhiError(
      'bad-request',
      `"${shown(text)}" is not a model's page. Open the model's page, and copy its address.`,
    );
  const [owner = '', last = '', page, ...rest] = parts;
  const [, name = last, quantisation] = QUANTISATION.exec(last) ?? [];
  const repo = name.replace(/\.git$/, '');
  if (!NAME.test(owner) || !NAME.test(repo)) throw wrong(text);
  const found = { kind: 'repo' as const, base, repo: `${owner}/${repo}`, revision: MAIN, path: '' };
  // Ollama also takes the name of a file there.
  if (page === undefined && /\.gguf$/i.test(quantisation ?? '')) return { ...found, path: quantisation! };
  if (page === undefined) return { ...found, ...(quantisation && quantisation !== LATEST ? { quantisation } : {}) };
  if (quantisation !== undefined) throw wrong(text);
  if (page === 'commit' || page === 'commits') return { ...found, ...revisionOf(rest.slice(0, 1), text) };
  if (page === 'discussions') return found;
  if (!['tree', 'blob', 'resolve', 'raw'].includes(page)) throw wrong(text);
  return { ...found, ...revisionOf(rest, text) };
}

/** "main/folder/file", "refs/pr/12/folder". */
function revisionOf(parts: readonly string[], text: string): { revision: string; path: string } {
  const whole = parts.join('/');
  const reference = /^refs\/(?:pr|convert|heads)\/[^/]+/.exec(whole)?.[0];
  const revision = reference ?? parts[0] ?? MAIN;
  const path = (reference === undefined ? parts.slice(1).join('/') : whole.slice(reference.length)).replace(
    /^\/+|\/+$/g,
    '',
  );
  const safe = /^[\w.-]+(\/[\w.-]+)*$/.test(revision) && isSafePath(revision) && (path === '' || isSafePath(path));
  if (!safe) throw wrong(text);
  return { revision, path };
}

function decoded(part: string, text: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    const escape = /%(?![0-9a-fA-F]{2}).{0,2}/.exec(part)?.[0] ?? part.slice(0, 20);
    throw new PhiError(
      'bad-request',
      `"${shown(text)}" contains the broken escape "${escape}". Copy the address again from the address bar.`,
    );
  }
}

const shown = (text: string): string => text.slice(0, 200);

const wrong = (text: string) =>
  new PhiError(
    'bad-request',
    `"${shown(text)}" must be a repository ("owner/name") or an http(s) address without a password. Copy it from the address bar.`,
  );
