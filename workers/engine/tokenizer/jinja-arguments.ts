/** What a filter or method was called with. */
import type { Value } from './jinja-size.ts';
import { isTrue } from './jinja-values.ts';

export interface Arguments {
  args: readonly Value[];
  named: ReadonlyMap<string, Value>;
}

/** The argument at a place or of a name. */
export const argument = ({ args, named }: Arguments, at: number, name: string): Value | undefined =>
  args[at] ?? named.get(name);

export function flag(given: Arguments, at: number, name: string): boolean {
  const value = argument(given, at, name);
  return value !== undefined && isTrue(value);
}

/** The first letter large, the others small. */
export const capital = (word: string): string => word.charAt(0).toUpperCase() + word.slice(1).toLowerCase();
