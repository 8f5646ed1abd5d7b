/** How models write calls of tools. All hold the same JSON: `{"name": ..., "arguments": {...}}`. */

export interface CallSpelling {
  /** Text in front of the JSON of the first call. `token`: it begins with a control token of that text. */
  open: string;
  token?: string;
  between: string;
  close: string;
  /** A control token at the very end. */
  endToken?: string;
}

/** Phi-4-mini, by control tokens. */
export const PHI_TOKENS = {
  token: '<|tool_call|>',
  open: '[',
  between: ', ',
  close: ']',
  endToken: '<|/tool_call|>',
} as const satisfies CallSpelling;

/** Phi in plain text, for vocabularies without these tokens. */
export const FUNCTOOLS: CallSpelling = { open: 'functools[', between: ', ', close: ']' };

/** Many fine-tuned models. A template that writes its calls in this way shows that the model was trained on it. */
export const TAGS: CallSpelling = {
  open: '<tool_call>\n',
  between: '\n</tool_call>\n<tool_call>\n',
  close: '\n</tool_call>',
};

/** What begins a call where it is read. */
export const CALL_MARKS = ['functools[', '<tool_call>'] as const;

/** The JSON of a call as the grammar allows it: one space behind each comma and colon. */
export function callJson(name: string, args: unknown): string {
  return `{"name": ${JSON.stringify(name)}, "arguments": ${spaced(args)}}`;
}

function spaced(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(spaced).join(', ')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null';
  const entries = Object.entries(value).filter(([, inner]) => inner !== undefined);
  return `{${entries.map(([key, inner]) => `${JSON.stringify(key)}: ${spaced(inner)}`).join(', ')}}`;
}
