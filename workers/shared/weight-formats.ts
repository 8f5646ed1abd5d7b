/** How weights are held for computing; see docs/design.md. Smallest first. Called `form` in stored data. */
export const WEIGHT_FORMATS = [
  'int4',
  'int4-columns',
  'int4-groups',
  'int8-blocks',
  'int8',
  'float16',
  'float32',
] as const;

export type WeightFormat = (typeof WEIGHT_FORMATS)[number];
