import { PhiError } from '../shared/errors.ts';
import { ask } from './http.ts';
import { Fault, type Net } from './net.ts';
import { RetryPolicy } from './retry-policy.ts';

const MAX_BYTES = 8 * 1024 * 1024;

async function fetchText(net: Net, url: string, what: string, signal: AbortSignal): Promise<string> {
  const answer = await ask(net, url, null, null, null, signal);
  try {
    const pieces: BlobPart[] = [];
    let bytes = 0;
    for await (const chunk of answer.chunks) {
      bytes += chunk.length;
      if (bytes > MAX_BYTES)
        throw new PhiError(
          'bad-model',
          `${what} is larger than ${MAX_BYTES} bytes, which cannot be right. Check the address.`,
          { url },
        );
      pieces.push(new Uint8Array(chunk));
    }
    return await new Blob(pieces).text();
  } finally {
    answer.close();
  }
}

/**
 * Fetches a small JSON document, with the patience of a download, and hands it to `read`.
 * @param what it is, in words, for messages
 */
export async function fetchJson<T>(
  net: Net,
  url: string,
  what: string,
  read: (value: unknown) => T,
  signal: AbortSignal,
): Promise<T> {
  const patience = new RetryPolicy(net, what);
  for (;;) {
    try {
      return read(JSON.parse(await fetchText(net, url, what, signal)));
    } catch (cause) {
      // A host that answers every path with its page (200, text/html) sends no JSON.
      const fault = cause instanceof SyntaxError ? new Fault('content', `it is not JSON (${cause.message})`) : cause;
      await patience.next(fault, 0, signal);
    }
  }
}
