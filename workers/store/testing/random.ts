/** Seeded randomness for fault schedules: the same seed, the same run. Uniform in [0, 1). */
export { uniforms as seeded } from '../../engine/generate/random.ts';

export const pick = <T>(random: () => number, items: readonly T[]): T => items[Math.floor(random() * items.length)]!;
export const integer = (random: () => number, below: number): number => Math.floor(random() * below);

export function randomBytes(random: () => number, length: number): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length }, () => integer(random, 256));
}
