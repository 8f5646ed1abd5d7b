/** `responseConstraint` of the Prompt API. */
import type { ChatMessage, Constraint } from '../../../workers/shared/protocol.ts';
import { notSupported } from './errors.ts';
import type { LanguageModelPromptOptions } from './types.ts';

/** Flags that change which texts match; `g`, `y`, `d` and `u` do not. */
const MEANINGFUL_FLAGS = /[imsv]/;

/**
 * The engine's constraint for what a page gave.
 * @throws TypeError for something that is neither a RegExp nor an object, or without a constraint to omit; NotSupportedError for flags
 */
export function constraintOf({
  responseConstraint: given,
  omitResponseConstraintInput: omit = false,
}: LanguageModelPromptOptions): Constraint | null {
  if (given === undefined) {
    if (omit) throw new TypeError('omitResponseConstraintInput needs a responseConstraint.');
    return null;
  }
  if (typeof given !== 'object' || given === null || Array.isArray(given))
    throw new TypeError('responseConstraint must be a JSON Schema object or a RegExp.');
  if (given instanceof RegExp) {
    const flag = MEANINGFUL_FLAGS.exec(given.flags)?.[0];
    if (flag !== undefined) throw notSupported(`The flag "${flag}" of a regular expression is not supported here.`);
    return { kind: 'regex', pattern: given.source };
  }
  try {
    return { kind: 'json', schema: JSON.parse(JSON.stringify(given)) as unknown };
  } catch (cause) {
    throw new TypeError('responseConstraint cannot be written as JSON.', { cause });
  }
}

/** Tells the model in words what its reply must look like, behind the last message of the person. */
export function withConstraintInWords(messages: ChatMessage[], constraint: Constraint): ChatMessage[] {
  const words =
    constraint.kind === 'json'
      ? `Answer only with JSON that is valid for this JSON Schema: ${JSON.stringify(constraint.schema)}`
      : constraint.kind === 'regex'
        ? `Answer only with a text that matches this regular expression: ${constraint.pattern}`
        : `Answer only with a text of this grammar:\n${constraint.grammar}`;
  const at = messages.findLastIndex(({ role }) => role === 'user');
  if (at < 0) return [...messages, { role: 'user', content: words }];
  return messages.map((message, i) => (i === at ? { ...message, content: `${message.content}\n\n${words}` } : message));
}
