const UNITS: Record<string, number> = { kB: 1e3, KB: 1e3, MB: 1e6, GB: 1e9 };

/** "3.41 GB" as the hub's pages round it, in bytes; null where there is no such figure. */
export function roundedBytes(text: string | undefined): number | null {
  const [, figure, unit] = /(\d+(?:\.\d+)?)\s*(kB|KB|MB|GB)/.exec(text ?? '') ?? [];
  return figure === undefined ? null : Math.round(Number(figure) * UNITS[unit!]!);
}
