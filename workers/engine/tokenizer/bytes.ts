/** How tokens write bytes: GPT-2's alphabet and SentencePiece's marks. */

/** SentencePiece's visible space. */
export const SPACE_MARK = '▁';

const encoder = new TextEncoder();

/** GPT-2 writes the 256 bytes as printable characters: Latin-1's own, and U+0100 onwards for the rest, in order. */
export const BYTE_OF_CHARACTER: ReadonlyMap<string, number> = byteAlphabet();

function byteAlphabet(): Map<string, number> {
  const alphabet = new Map<string, number>();
  for (let byte = 0, next = 0x100; byte < 256; byte++) {
    const printable = (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
    alphabet.set(String.fromCharCode(printable ? byte : next++), byte);
  }
  return alphabet;
}

export function byteLevelBytes(token: string): Uint8Array {
  const bytes: number[] = [];
  for (const character of token) {
    const byte = BYTE_OF_CHARACTER.get(character);
    if (byte !== undefined) bytes.push(byte);
    else bytes.push(...encoder.encode(character)); // not written by GPT-2's rule: taken as it stands
  }
  return Uint8Array.from(bytes);
}

/** SentencePiece: `<0x0A>` is that byte, the mark is a space. */
export function sentencePieceBytes(token: string): Uint8Array {
  const byte = /^<0x([0-9A-Fa-f]{2})>$/.exec(token);
  return byte ? Uint8Array.of(parseInt(byte[1]!, 16)) : encoder.encode(token.replaceAll(SPACE_MARK, ' '));
}
