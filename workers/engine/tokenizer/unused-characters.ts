import { PhiError } from '../../shared/errors.ts';

/** Noncharacters, which Unicode keeps for uses like this, then the private use area. */
const RANGES = [
  [0xfdd0, 0xfdef],
  [0xe000, 0xf8ff],
] as const;

/** `count` different characters that `text` does not have. */
export function unusedCharacters(count: number, text: string): string[] {
  const used = new Set(text);
  const found: string[] = [];
  for (const [first, last] of RANGES) {
    for (let code = first; code <= last && found.length < count; code++) {
      const character = String.fromCharCode(code);
      if (!used.has(character)) found.push(character);
    }
  }
  if (found.length < count)
    throw new PhiError(
      'bad-request',
      'The conversation contains every character of Unicode’s private use area, so it is not text. Shorten it.',
    );
  return found;
}
