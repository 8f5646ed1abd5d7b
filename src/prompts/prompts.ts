/** The person's own prompts, with variables: `Explain {{topic}} to a child`. Pure. */
import * as v from 'valibot';
import { newId } from '../../workers/shared/new-id.ts';

/** Bounds, so that all prompts together fit into localStorage. */
export const MAX_NAME = 80;
export const MAX_TEXT = 8_000;
export const MAX_PROMPTS = 200;

const PromptSchema = v.object({
  id: v.pipe(v.string(), v.regex(/^[\w-]{1,64}$/)),
  name: v.pipe(v.string(), v.trim(), v.minLength(1), v.maxLength(MAX_NAME)),
  text: v.pipe(v.string(), v.minLength(1), v.maxLength(MAX_TEXT)),
});

export type SavedPrompt = v.InferOutput<typeof PromptSchema>;

/** The sound prompts of stored or imported data; damaged ones are left out. */
export function parsePrompts(value: unknown): SavedPrompt[] {
  if (!Array.isArray(value)) return [];
  return value
    .map((one) => v.safeParse(PromptSchema, one))
    .flatMap((result) => (result.success ? [result.output] : []))
    .slice(0, MAX_PROMPTS);
}

const VARIABLE = /\{\{\s*([^\s{}](?:[^{}\n]{0,58}[^\s{}])?)\s*\}\}/gu;

/** Names of the variables, in the order of their first use. */
export const variablesOf = (text: string): string[] => [
  ...new Set([...text.matchAll(VARIABLE)].map(([, name]) => name!)),
];

/** The text with its variables replaced; one without a value stays as it is. */
export const fillIn = (text: string, values: ReadonlyMap<string, string>): string =>
  text.replace(VARIABLE, (whole, name: string) => values.get(name) ?? whole);

/** Adds imported prompts to the person's own. A prompt with the same name and text is known already; one with the same id gets a new one. */
export function mergePrompts(own: readonly SavedPrompt[], imported: readonly SavedPrompt[]): SavedPrompt[] {
  const merged = [...own];
  for (const prompt of imported) {
    if (merged.some(({ name, text }) => name === prompt.name && text === prompt.text)) continue;
    const taken = merged.some(({ id }) => id === prompt.id);
    merged.push(taken ? { ...prompt, id: newId() } : prompt);
  }
  return merged.slice(0, MAX_PROMPTS);
}
