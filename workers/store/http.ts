/** One exchange with a server: status, ranges and lengths checked, a silent connection dropped. Retrying is the caller's. */
import { PhiError } from '../shared/errors.ts';
import { Fault, type Net } from './net.ts';

export interface Range {
  /** First and last byte, both included, as in the header. */
  from: number;
  to: number;
  /** Size of what lies at the URL; null where the manifest does not say. */
  total: number | null;
}

export interface Answer {
  /** False: status 200, the body begins at byte 0 whatever was asked. */
  partial: boolean;
  /** Size of the whole file at the URL, in bytes, if the headers give it and the other origin does not hide them. */
  size: number | null;
  etag: string | null;
  /** The ETag where If-Range may carry it: strong, and from our own origin. */
  validator: string | null;
  chunks: AsyncGenerator<Uint8Array>;
  /** Ends the exchange; always call it, also after the last chunk. */
  close(): void;
}

/** Bounded, because a server may ask for a day. `Retry-After` is in seconds or a date. */
const MAX_RETRY_AFTER_MS = 60_000;

function retryAfterMs(headers: Headers): number {
  const value = headers.get('Retry-After');
  if (!value) return 0;
  const ms = /^\d+$/.test(value) ? Number(value) * 1000 : Date.parse(value) - Date.now();
  return Number.isFinite(ms) ? Math.min(Math.max(ms, 0), MAX_RETRY_AFTER_MS) : 0;
}

function checkStatus({ status, headers }: Response, url: string): void {
  if (status === 200 || status === 206) return;
  if (status >= 500 || status === 429 || status === 408 || status === 425)
    throw new Fault('connection', `the server answered ${status}`, retryAfterMs(headers));
  if (status === 416) throw new Fault('content', 'the file on the server is shorter than the manifest says (416)');
  const { host } = new URL(url);
  const why =
    status === 401 || status === 403
      ? 'the server asks for permission. The model may be private, or its licence must be accepted there first'
      : status === 404 || status === 410
        ? 'there is no such file. It may have been moved or renamed'
        : 'the server refuses the request';
  throw new PhiError('network', `${host} answered ${status} for ${url}: ${why}.`, { status, url });
}

/** For an encoded body, Content-Length counts the encoded bytes, and other origins hide Content-Encoding. */
const isPlain = (url: string, headers: Headers, net: Net) =>
  new URL(url).origin === net.origin && !headers.has('Content-Encoding');

/** Headers that other origins hide are not missed; those that are there must fit. */
function checkLength(
  { status, headers, url }: Response,
  range: Range | null,
  wholeBytes: number | null,
  net: Net,
): void {
  const length = headers.get('Content-Length');
  const plain = isPlain(url, headers, net);
  if (status === 200) {
    if (plain && length !== null && wholeBytes !== null && Number(length) !== wholeBytes) {
      throw new Fault('content', `the server announced ${length} bytes, but the manifest says ${wholeBytes}`);
    }
    return;
  }
  if (!range) throw new Fault('content', 'the server sent a part (206), but the whole file was requested');
  const { from, to, total } = range;
  if (length !== null && Number(length) !== to - from + 1)
    throw new Fault('content', `the server announced ${length} bytes instead of ${to - from + 1}`);
  const sent = headers.get('Content-Range');
  if (sent === null) return;
  const [, first, last, size] = /^bytes (\d+)-(\d+)\/(\d+|\*)$/.exec(sent) ?? [];
  if (Number(first) !== from || Number(last) !== to)
    throw new Fault('content', `the server sent "${sent}" instead of bytes ${from}-${to}`);
  if (total !== null && size !== '*' && Number(size) !== total)
    throw new Fault('content', `the file on the server has ${size} bytes, but the manifest says ${total}`);
}

function wholeSize({ status, headers, url }: Response, net: Net): number | null {
  if (status === 206) {
    const [, size] = /\/(\d+)$/.exec(headers.get('Content-Range') ?? '') ?? [];
    return size === undefined ? null : Number(size);
  }
  const length = headers.get('Content-Length');
  return length !== null && isPlain(url, headers, net) ? Number(length) : null;
}

/** Awaits a promise of a server for at most `net.stallMs`, then hangs up. Whatever fails is a `connection` fault. */
async function awaiting<T>(net: Net, hangUp: AbortController, promise: Promise<T>): Promise<T> {
  const timer = setTimeout(() => hangUp.abort(new Error(`no byte for ${net.stallMs / 1000} s`)), net.stallMs);
  try {
    return await promise;
  } catch (cause) {
    throw new Fault('connection', cause instanceof Error ? cause.message : String(cause), 0, { cause });
  } finally {
    clearTimeout(timer);
  }
}

/** The clock runs only while we wait for the server, not while the caller is busy with a chunk. */
async function* readChunks(
  net: Net,
  hangUp: AbortController,
  body: ReadableStream<Uint8Array> | null,
): AsyncGenerator<Uint8Array> {
  const reader = body?.getReader();
  for (;;) {
    const next = await awaiting(
      net,
      hangUp,
      reader ? reader.read() : Promise.resolve({ done: true as const, value: undefined }),
    );
    if (next.done) return;
    yield next.value;
  }
}

/** A page does not learn why another origin cannot be read, so the message names both possible reasons. */
function explain(cause: unknown, url: string, net: Net): never {
  const { origin } = new URL(url);
  if (!(cause instanceof TypeError) || origin === net.origin) throw cause;
  const message = `${cause.message}: ${origin} cannot be reached, or does not let this page read it (its server must send Access-Control-Allow-Origin, and allow the header Range)`;
  throw new TypeError(message, { cause });
}

/**
 * Asks for a range, or for the whole URL with `range` null. Throws a Fault, or a PhiError where asking again cannot help.
 * @param ifRange ETag that the range must belong to; the server sends the whole file when it has another one
 * @param wholeBytes size of what lies at the URL, if known
 */
export async function ask(
  net: Net,
  url: string,
  range: Range | null,
  ifRange: string | null,
  wholeBytes: number | null,
  signal: AbortSignal,
): Promise<Answer> {
  const hangUp = new AbortController();
  const headers = new Headers();
  if (range) headers.set('Range', `bytes=${range.from}-${range.to}`);
  if (range && ifRange) headers.set('If-Range', ifRange);
  try {
    // no-store: the HTTP cache would hold a second copy of the model, and hand a damaged answer out again.
    const init: RequestInit = {
      headers,
      cache: 'no-store',
      referrerPolicy: 'no-referrer',
      signal: AbortSignal.any([signal, hangUp.signal]),
    };
    const response = await awaiting(
      net,
      hangUp,
      net.fetch(url, init).catch((cause: unknown) => explain(cause, url, net)),
    );
    checkStatus(response, url);
    checkLength(response, range, wholeBytes, net);
    const etag = response.headers.get('ETag');
    const ours = new URL(response.url).origin === net.origin;
    return {
      partial: response.status === 206,
      size: wholeSize(response, net),
      etag,
      validator: ours && etag && !etag.startsWith('W/') ? etag : null,
      chunks: readChunks(net, hangUp, response.body),
      close: () => hangUp.abort(),
    };
  } catch (cause) {
    hangUp.abort();
    throw cause;
  }
}
