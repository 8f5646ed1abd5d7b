/** Characters with a Unicode property, as this engine's own regular expressions know them. */
import type { Ranges } from './grammar.ts';

const known = new Map<string, Ranges | null>();
/** Each name takes about 50 ms once; there are about 300 properties and scripts. */
const MOST_KNOWN = 400;

/** Ranges of what `\p{name}` matches, without surrogates; null: there is no such property. */
export function propertyRanges(name: string): Ranges | null {
  let ranges = known.get(name);
  if (ranges === undefined) {
    ranges = find(name);
    if (known.size < MOST_KNOWN) known.set(name, ranges);
  }
  return ranges;
}

function find(name: string): Ranges | null {
  let runs: RegExp;
  try {
    runs = new RegExp(`\\p{${name}}+`, 'gu');
  } catch {
    return null;
  }
  const ranges: [number, number][] = [];
  for (const [first, end] of PARTS)
    for (let from = first; from < end; from += CHUNK) {
      const to = Math.min(end, from + CHUNK);
      const text = String.fromCodePoint(...Array.from({ length: to - from }, (_, i) => from + i));
      for (const [run] of text.matchAll(runs)) {
        const low = run.codePointAt(0)!;
        const last = run.charCodeAt(run.length - 1);
        const high = last >= 0xdc00 && last <= 0xdfff ? run.codePointAt(run.length - 2)! : last;
        const before = ranges.at(-1);
        if (before && before[1] + 1 === low) before[1] = high;
        else ranges.push([low, high]);
      }
    }
  return ranges;
}

/** All characters, without surrogates. */
const PARTS = [
  [0, 0xd800],
  [0xe000, 0x110000],
] as const;
const CHUNK = 4096;
