/**
 * Uniform numbers in [0, 1) from a 32-bit seed (mulberry32). The n-th number depends on the seed and n alone, so a reply is the same
 * however its tokens are grouped into runs.
 */
export function uniforms(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}
