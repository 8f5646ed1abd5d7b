/** The last part of a path. The rest may name a person. */
export const lastPart = (path: string): string => (path.split(/[\\/]/).at(-1) ?? '').slice(0, 200);
