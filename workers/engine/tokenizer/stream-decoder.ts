import type { StreamDecoder } from './types.ts';

/** Bytes that a token stands for, `null` where it is not text (control tokens that are left out, ids without a token). */
export type TokenBytes = (id: number) => Uint8Array | null;

const NOTHING = new Uint8Array(0);
const SPACE = 0x20;

/** `stripsSpace`: the first byte of the text is dropped when it is a space. */
export function createStreamDecoder(bytesOf: TokenBytes, stripsSpace: boolean): StreamDecoder {
  const utf8 = new TextDecoder('utf-8', { ignoreBOM: true });
  let strips = stripsSpace;
  return {
    push(id) {
      let bytes = bytesOf(id) ?? NOTHING;
      if (bytes.length === 0) return '';
      if (strips && bytes[0] === SPACE) bytes = bytes.subarray(1);
      strips = false;
      return utf8.decode(bytes, { stream: true });
    },
    flush: () => utf8.decode(),
  };
}
