/** A result inside a link: behind the `#`, where no server sees it. */
import { PhiError } from '../../workers/shared/errors.ts';
import { LARGEST_BYTES, parseResult, type CompareResult } from './result.ts';

/** Longer addresses are cut by some mail programs and messengers. */
const LONGEST_FRAGMENT = 64 * 1024;

const pipe = async (
  bytes: Uint8Array<ArrayBuffer>,
  transform: CompressionStream | DecompressionStream,
  most: number,
): Promise<Uint8Array<ArrayBuffer>> => {
  const reader = new Blob([bytes]).stream().pipeThrough(transform).getReader();
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  let size = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    size += value.length;
    if (size > most) {
      await reader.cancel();
      throw new PhiError(
        'bad-request',
        `The link expands to more than ${most} bytes, which no result of this page needs.`,
      );
    }
    chunks.push(value);
  }
  return new Uint8Array(await new Blob(chunks).arrayBuffer());
};

/** The fragment that carries `result`, without the `#`. Raw traces, and then replies, are left out where the address would become too long. */
export async function toFragment(result: CompareResult): Promise<string> {
  for (const candidate of [result, without(result, ['traces']), without(result, ['traces', 'reply'])]) {
    const bytes = new TextEncoder().encode(JSON.stringify(candidate));
    const packed = await pipe(bytes, new CompressionStream('deflate-raw'), Infinity);
    const fragment = `/compare/${toBase64Url(packed)}`;
    if (fragment.length <= LONGEST_FRAGMENT) return fragment;
  }
  throw new PhiError('bad-request', 'This result is too large for a link. Download it as JSON.');
}

/** Reads what stands behind `#/compare/`. Throws `bad-request` with the reason in words. */
export async function fromFragment(packed: string): Promise<CompareResult> {
  if (packed.length > LONGEST_FRAGMENT)
    throw new PhiError('bad-request', 'This link is too long to be a result of this page.');
  let json: string;
  try {
    const bytes = await pipe(fromBase64Url(packed), new DecompressionStream('deflate-raw'), LARGEST_BYTES);
    json = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    if (cause instanceof PhiError) throw cause;
    throw new PhiError('bad-request', 'This link is damaged: it was cut off or changed. Copy it again.', undefined, {
      cause,
    });
  }
  return parseResult(json);
}

const without = (result: CompareResult, parts: readonly ('traces' | 'reply')[]): CompareResult => ({
  ...result,
  rows: result.rows.map((row) =>
    'absent' in row ? row : { ...row, ...Object.fromEntries(parts.map((part) => [part, []])) },
  ),
});

function toBase64Url(bytes: Uint8Array): string {
  let binary = '';
  for (const byte of bytes) binary += String.fromCharCode(byte);
  return btoa(binary).replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '');
}

function fromBase64Url(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(text.replaceAll('-', '+').replaceAll('_', '/')), (character) => character.charCodeAt(0));
}
