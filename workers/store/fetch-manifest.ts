import { PhiError } from '../errors.ts';
import type { ModelManifest } from '../protocol.ts';
import { ask } from './http.ts';
import { resolveUrls, validateManifest } from './manifest.ts';
import { Fault, type Net } from './net.ts';
import { Patience } from './patience.ts';

const MAX_BYTES = 8 * 1024 * 1024;

async function fetchText(net: Net, url: string, signal: AbortSignal): Promise<string> {
  const answer = await ask(net, url, null, null, null, signal);
  try {
    const pieces: BlobPart[] = [];
    let bytes = 0;
    for await (const chunk of answer.chunks) {
      bytes += chunk.length;
      if (bytes > MAX_BYTES) throw new PhiError('bad-model', `${url} is over ${MAX_BYTES} bytes: that is no model manifest.`, { url });
      pieces.push(new Uint8Array(chunk));
    }
    return await new Blob(pieces).text();
  } finally {
    answer.close();
  }
}

/** Fetches and validates a manifest; relative shard URLs are resolved against `url`, which must be absolute. */
export async function fetchManifest(net: Net, url: string, signal: AbortSignal): Promise<ModelManifest> {
  if (!URL.canParse(url)) throw new PhiError('bad-request', `"${url}" is not an absolute URL.`);
  const patience = new Patience(net, `The manifest at ${url}`);
  for (;;) {
    try {
      return resolveUrls(validateManifest(JSON.parse(await fetchText(net, url, signal))), url);
    } catch (cause) {
      // A host that answers every path with its page (200, text/html) sends no JSON.
      const fault = cause instanceof SyntaxError ? new Fault('content', `it is not JSON (${cause.message})`) : cause;
      await patience.next(fault, 0, signal);
    }
  }
}
