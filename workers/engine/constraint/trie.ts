/** Tokens as a tree over their bytes, laid out in the order of a walk. Made once for a vocabulary. */

export interface Trie {
  nodes: number;
  /** Byte that leads to the node. */
  byte: Uint8Array;
  /** Bytes from the root, 1 and more. */
  depth: Uint16Array;
  /** The node behind its whole subtree. */
  end: Int32Array;
  /** First entry of its tokens in `ids`; the next node's is where they end. */
  first: Int32Array;
  ids: Int32Array;
  deepest: number;
}

/** Order by bytes: `latin1` has one character a byte. */
export function buildTrie(entries: readonly { id: number; latin1: string }[]): Trie {
  const sorted = [...entries].sort((a, b) => (a.latin1 < b.latin1 ? -1 : a.latin1 > b.latin1 ? 1 : a.id - b.id));
  let nodes = 0;
  let before = '';
  for (const { latin1 } of sorted) {
    nodes += latin1.length - shared(before, latin1);
    before = latin1;
  }
  const trie: Trie = {
    nodes,
    byte: new Uint8Array(nodes),
    depth: new Uint16Array(nodes),
    end: new Int32Array(nodes),
    first: new Int32Array(nodes + 1),
    ids: Int32Array.from(sorted, ({ id }) => id),
    deepest: 0,
  };
  let at = 0;
  before = '';
  const open: number[] = []; // the path to the last token
  for (const { latin1 } of sorted) {
    const common = shared(before, latin1);
    while (open.length > common) trie.end[open.pop()!] = at;
    for (let d = common; d < latin1.length; d++) {
      trie.byte[at] = latin1.charCodeAt(d);
      trie.depth[at] = d + 1;
      open.push(at++);
    }
    trie.deepest = Math.max(trie.deepest, latin1.length);
    before = latin1;
  }
  while (open.length > 0) trie.end[open.pop()!] = at;
  placeTokens(trie, sorted);
  return trie;
}

/** In this order a node's tokens come before those below it, so each node takes the entries that are as long as it is deep. */
function placeTokens(trie: Trie, sorted: readonly { latin1: string }[]): void {
  let entry = 0;
  for (let node = 0; node < trie.nodes; node++) {
    trie.first[node] = entry;
    const text = sorted[entry]!.latin1;
    if (text.length === trie.depth[node]) while (sorted[entry]?.latin1 === text) entry++;
  }
  trie.first[trie.nodes] = entry;
}

function shared(a: string, b: string): number {
  const most = Math.min(a.length, b.length);
  let i = 0;
  while (i < most && a.charCodeAt(i) === b.charCodeAt(i)) i++;
  return i;
}

/** The longest token that `bytes` begin with from `at` on, and its length; null: none. */
export function longestToken(trie: Trie, bytes: Uint8Array, at: number): { id: number; length: number } | null {
  let found: { id: number; length: number } | null = null;
  let node = 0;
  let end = trie.nodes;
  for (let i = at; i < bytes.length; i++) {
    while (node < end && trie.byte[node] !== bytes[i]) node = trie.end[node]!;
    if (node >= end) break;
    if (trie.first[node + 1]! > trie.first[node]!) found = { id: trie.ids[trie.first[node]!]!, length: i - at + 1 };
    end = trie.end[node]!;
    node++;
  }
  return found;
}
