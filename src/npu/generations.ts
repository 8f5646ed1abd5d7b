/** NPUs that bench/npu asks about, by the vendors' own numbers. Beside the estimates, which are loaded when they are shown. */
export const GENERATIONS = ['intel-3720', 'intel-4000', 'intel-5010', 'hexagon-v73'] as const;
export type Generation = (typeof GENERATIONS)[number];
