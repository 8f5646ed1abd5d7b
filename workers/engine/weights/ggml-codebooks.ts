/**
 * Codebooks of ggml's IQ1, IQ2 and IQ3 types: each entry holds 8 or 4 weights. The numbers come from the Python package `gguf`
 * (see scripts/make/ggml-codebooks.py) and are expanded on first use.
 */
import stored from './ggml-codebooks.json' with { type: 'json' };

export type CodebookName = keyof typeof stored.books;

const expanded = new Map<CodebookName, Uint32Array>();

/**
 * The entries as words of four weights, first weight lowest: `[entries, weights in an entry / 4]`. `toByte` turns a weight's whole number into
 * an unsigned byte; it must be the same at every call for one codebook.
 */
export function codebook(name: CodebookName, toByte: (value: number) => number = (value) => value): Uint32Array {
  const known = expanded.get(name);
  if (known) return known;
  const { bits, values, levels } = stored.books[name];
  const packed = Uint8Array.from(atob(levels), (char) => char.charCodeAt(0));
  const perByte = 8 / bits;
  const bytes = new Uint8Array(packed.length * perByte);
  for (let i = 0; i < bytes.length; i++) {
    const level = (packed[Math.floor(i / perByte)]! >> (bits * (i % perByte))) & (2 ** bits - 1);
    bytes[i] = toByte(values[level]!);
  }
  const words = new Uint32Array(bytes.buffer);
  expanded.set(name, words);
  return words;
}
