/** A tool: what a model may call, and what then runs on this page. */
import type { ToolSpec } from '../../workers/shared/tools.ts';

export interface ToolContext {
  signal: AbortSignal;
}

export interface Tool extends ToolSpec {
  /**
   * The result: text as it is, anything else as JSON. What it throws becomes the model's result, as `{"error": message}`. A result is data: control
   * tokens in it are read as text.
   */
  run(args: Readonly<Record<string, unknown>>, context: ToolContext): unknown;
}

/** What a model is told of a tool. */
export const specOf = ({ name, description, parameters }: Tool): ToolSpec => ({ name, description, parameters });

/** The text of an argument. Throws where it has another type. */
export function textOf(args: Readonly<Record<string, unknown>>, name: string): string {
  const value = args[name];
  if (typeof value !== 'string') throw new Error(`The argument "${name}" must be a text.`);
  return value;
}

export function numberOf(args: Readonly<Record<string, unknown>>, name: string): number {
  const value = args[name];
  if (typeof value !== 'number' || !Number.isFinite(value)) throw new Error(`The argument "${name}" must be a number.`);
  return value;
}
