/** Tools that a model may call: what the model is told of them, and what it did with them. */

export const TOOL_NAME = /^[\w-]{1,64}$/;

export interface ToolSpec {
  /** As TOOL_NAME says: 1 to 64 letters, digits, `_` and `-`. */
  name: string;
  /** What it does, for the model. */
  description: string;
  /** JSON schema of its arguments, which are an object. */
  parameters: unknown;
}

export interface ToolCall {
  name: string;
  arguments: Readonly<Record<string, unknown>>;
}

export interface AnsweredCall extends ToolCall {
  /** As the model reads it. */
  result: string;
}

/** A part of a reply: what the model wrote before it called tools, and what they gave back. */
export interface ToolRound {
  text: string;
  calls: AnsweredCall[];
}
