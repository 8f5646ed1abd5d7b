/** What `--schema` and `--tools` read: prompts, with the form or the call that a right reply has. */
import * as v from 'valibot';
import { parse } from './expected.ts';

const AnySchema = v.union([
  v.boolean(),
  v.custom<Record<string, unknown>>(
    (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
    'A JSON schema is an object or a boolean.',
  ),
]);

const FormFile = v.object({
  cases: v.pipe(
    v.array(v.object({ name: v.optional(v.string()), prompt: v.string(), schema: AnySchema })),
    v.minLength(1),
  ),
});

const ToolFile = v.object({
  tools: v.pipe(
    v.array(v.object({ name: v.string(), description: v.string(), parameters: v.record(v.string(), v.unknown()) })),
    v.minLength(1),
  ),
  cases: v.pipe(
    v.array(
      v.object({
        prompt: v.string(),
        /** The tool that is right; null: an answer without a tool. */
        call: v.nullable(v.string()),
        /** Absent: any. */
        arguments: v.optional(v.record(v.string(), v.unknown())),
      }),
    ),
    v.minLength(1),
  ),
});

export type FormCase = v.InferOutput<typeof FormFile>['cases'][number];
export type ToolCases = v.InferOutput<typeof ToolFile>;

/** `{cases: [{prompt, schema}]}`, or one JSON schema. Throws one line that names what is wrong. */
export function parseFormFile(text: string): FormCase[] {
  const value: unknown = JSON.parse(text);
  const cases = typeof value === 'object' && value !== null && 'cases' in value;
  return cases ? parse(FormFile, value).cases : [{ prompt: 'Give an example.', schema: parse(AnySchema, value) }];
}

/** `{tools: [{name, description, parameters}], cases: [{prompt, call, arguments?}]}`. Throws one line that names what is wrong. */
export const parseToolFile = (text: string): ToolCases => parse(ToolFile, JSON.parse(text));
