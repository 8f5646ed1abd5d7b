/** A whole number from the command line. Throws one line that names the option. */
export function whole(text: string, name: string, least: number): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < least)
    throw new Error(`--${name} takes a whole number of at least ${least}, not "${text}".`);
  return value;
}
