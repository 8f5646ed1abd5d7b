import * as v from 'valibot';

const Ids = v.pipe(v.array(v.pipe(v.number(), v.integer(), v.minValue(0))), v.minLength(1));
const Numbers = v.array(v.number());

const CaseSchema = v.object({
  name: v.optional(v.string()),
  input_ids: Ids,
  /** `[vocab]`, of the last prompt position. */
  last_logits: v.optional(Numbers),
  /** Best next token at every prompt position. */
  argmax_all: v.optional(Ids),
  greedy: v.optional(Ids),
  /** At each greedy step, best minus second best log-probability of the reference. */
  logprob_gap: v.optional(Numbers),
});

const TeacherForcedSchema = v.object({
  input_ids: Ids,
  nll: v.optional(Numbers),
  mean_nll: v.optional(v.number()),
  argmax: v.optional(Ids),
});

const ExpectedSchema = v.object({
  reference: v.optional(v.string()),
  cases: v.optional(v.array(CaseSchema), []),
  teacher_forced: v.optional(TeacherForcedSchema),
});

export type ExpectedCase = v.InferOutput<typeof CaseSchema>;
export type TeacherForced = v.InferOutput<typeof TeacherForcedSchema>;
export type Expected = v.InferOutput<typeof ExpectedSchema>;

/** Fields of a case that are compared when they are there. */
export const CHECKED_FIELDS = ['last_logits', 'argmax_all', 'greedy', 'logprob_gap'] as const;

/** Reads an `expected.json`; throws one line that names the field that is wrong. */
export const parseExpected = (text: string): Expected => parse(ExpectedSchema, JSON.parse(text));

/** `value` as `schema` has it. Throws one line that names the field that is wrong. */
export function parse<T extends v.GenericSchema>(schema: T, value: unknown): v.InferOutput<T> {
  const result = v.safeParse(schema, value);
  if (result.success) return result.output;
  const [issue] = result.issues;
  throw new Error(`${v.getDotPath(issue) ?? 'The file'}: ${issue.message}`);
}

/** True when something in the file can be compared. */
export function hasChecks(expected: Expected): boolean {
  const { teacher_forced: forced } = expected;
  return (
    expected.cases.some((one) => CHECKED_FIELDS.some((field) => one[field] !== undefined)) ||
    forced?.mean_nll !== undefined ||
    forced?.nll !== undefined ||
    forced?.argmax !== undefined
  );
}
