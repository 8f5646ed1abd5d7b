/** Finds a server's error message in whatever it is wrapped in. */

const MOST = 300;
/** In this order. Their values may be wrapped again. */
const FIELDS = ['message', 'error', 'errors', 'detail', 'msg', 'error_message', 'error_description', 'title', 'reason'];
const MAX_DEPTH = 6;

/** The server's own words; if there are none, the start of what it sent. */
export function wordsOf(said: string): string {
  const value = parsed(said);
  const words = (value === undefined ? plain(said) : find(value, 0)) ?? said;
  return words.slice(0, MOST).trim();
}

/** The words of an object that is an error and no part of an answer, or null. */
export function errorIn(value: unknown): string | null {
  if (typeof value !== 'object' || value === null) return null;
  const fields = value as Record<string, unknown>;
  const given = ['error', 'errors'].some((name) => isGiven(fields[name]));
  const isError = given || fields['object'] === 'error' || fields['type'] === 'error';
  const isAnswer = 'choices' in fields || 'usage' in fields;
  const bare = !isAnswer && ['message', 'detail', 'msg', 'error_message'].some((name) => isGiven(fields[name]));
  return isError || bare ? (find(value, 0) ?? JSON.stringify(value).slice(0, MOST)) : null;
}

const isGiven = (value: unknown): boolean =>
  typeof value === 'string' ? value !== '' : typeof value === 'object' ? value !== null : value === true;

function find(value: unknown, depth: number): string | null {
  if (typeof value === 'string') {
    const inner = depth < MAX_DEPTH && /^\s*[[{]/.test(value) ? parsed(value) : undefined;
    return (inner === undefined ? null : find(inner, depth + 1)) ?? (value.trim() || null);
  }
  if (typeof value !== 'object' || value === null || depth > MAX_DEPTH) return null;
  if (Array.isArray(value)) return first(value as unknown[], depth);
  const fields = value as Record<string, unknown>;
  return (
    first(
      FIELDS.map((name) => fields[name]),
      depth,
    ) ?? first([fields['type'], fields['code']], depth)
  );
}

function first(values: readonly unknown[], depth: number): string | null {
  for (const value of values) {
    const words = typeof value === 'number' ? `error ${value}` : find(value, depth + 1);
    if (words !== null) return words;
  }
  return null;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined; // Plain text is taken as it is.
  }
}

/** A page of HTML, as proxies send it, has its words between tags. */
function plain(text: string): string {
  if (!/^\s*<(?:!doctype|html|head|body)/i.test(text)) return text;
  const title = /<title[^>]*>([^<]*)/i.exec(text)?.[1]?.trim();
  return title || text.replace(/<(script|style)[^>]*>[^]*?<\/\1>|<[^>]*>/gi, ' ').replace(/\s+/g, ' ');
}
