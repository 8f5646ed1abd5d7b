/** A reply that may call tools: free text or a call, whose name and arguments have their form. */
import { TOOL_NAME, type ToolSpec } from '../../shared/tools.ts';
import { FUNCTOOLS, PHI_TOKENS, type CallSpelling } from '../tokenizer/call-spellings.ts';
import { choice, EMPTY, literal, repeat, sequence, type Expr, type Ranges } from './grammar.ts';
import { schemaExpr } from './json-schema.ts';
import { refuse } from './refusal.ts';

/** Calls that one round may have. */
const MOST_CALLS = 4;
const MOST_TOOLS = 64;
const NO_ARGUMENTS = { type: 'object', properties: {}, additionalProperties: false };

export interface CallForm {
  tools: readonly ToolSpec[];
  /** As the model's template writes calls; Phi's own spellings are always allowed. */
  spelling: CallSpelling;
  /** The vocabulary has the control tokens of Phi-4-mini. */
  hasTokens: boolean;
  /** false: an answer is due. */
  mayCall: boolean;
  /** The form of an answer; null: any text. */
  answer: Expr | null;
  /** What free text must not begin with: the marks of calls and thoughts. */
  notFirst: readonly string[];
}

/** Throws `bad-request` for a tool whose arguments cannot be held to their schema, or whose name is not one. */
export function replyExpr({ tools, spelling, hasTokens, mayCall, answer, notFirst }: CallForm): Expr {
  const call = anyCall(tools);
  const spellings = [...new Set<CallSpelling>([spelling, FUNCTOOLS, ...(hasTokens ? [PHI_TOKENS] : [])])].filter(
    ({ token }) => token === undefined || hasTokens,
  );
  const calls = spellings.map((one) => ({ token: one.token, expr: callsOf(call, one) }));
  if (answer) return mayCall ? choice(answer, ...calls.map(({ expr }) => expr)) : answer;
  // Behind text a call is known by its control token. Without leave to call, that token ends the answer.
  const token: Expr = { kind: 'token', text: PHI_TOKENS.token };
  const behind = mayCall ? calls.filter((one) => one.token !== undefined).map(({ expr }) => expr) : [token];
  const end = hasTokens ? choice(EMPTY, ...behind) : EMPTY;
  const text = notBeginningWith(notFirst, end);
  return mayCall ? choice(EMPTY, text, ...calls.map(({ expr }) => expr)) : text;
}

function anyCall(tools: readonly ToolSpec[]): Expr {
  if (tools.length > MOST_TOOLS) throw refuse(`there are ${tools.length} tools, but the limit is ${MOST_TOOLS}.`);
  const names = tools.map(({ name }) => name);
  const wrong = names.find((name) => !TOOL_NAME.test(name));
  if (wrong !== undefined)
    throw refuse(`"${wrong}" cannot be the name of a tool. Use 1 to 64 letters, digits, "_" and "-".`);
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined) throw refuse(`two tools have the name "${twice}".`);
  return choice(
    ...tools.map(({ name, parameters }) =>
      sequence(literal(`{"name": "${name}", "arguments": `), argumentsExpr(name, parameters), literal('}')),
    ),
  );
}

function argumentsExpr(name: string, parameters: unknown): Expr {
  if (parameters === undefined || parameters === null) return schemaExpr(NO_ARGUMENTS);
  if (typeof parameters !== 'object' || Array.isArray(parameters))
    throw refuse(`the parameters of the tool "${name}" must be a JSON Schema object.`);
  const type = (parameters as { type?: unknown }).type;
  if (type !== undefined && type !== 'object')
    throw refuse(`the arguments of the tool "${name}" must be of the type "object".`);
  return schemaExpr(type === undefined ? { ...parameters, type: 'object' } : parameters);
}

function callsOf(call: Expr, { token, open, between, close, endToken }: CallSpelling): Expr {
  const mark = (text: string | undefined): Expr[] => (text === undefined ? [] : [{ kind: 'token', text }]);
  return sequence(
    ...mark(token),
    literal(open),
    call,
    repeat(sequence(literal(between), call), 0, MOST_CALLS - 1),
    literal(close),
    ...mark(endToken),
  );
}

const utf8 = new TextEncoder();

/** One byte or more that do not begin with any of `words`, and `end` behind them. */
function notBeginningWith(words: readonly string[], end: Expr): Expr {
  const anything: Expr = sequence(repeat({ kind: 'bytes', ranges: [[0, 255]] }, 0), end);
  const from = (rests: readonly Uint8Array[]): Expr => {
    const nexts = [...new Set(rests.map((rest) => rest[0]!))].sort((a, b) => a - b);
    const branches = nexts.flatMap((byte) => {
      const further = rests.filter((rest) => rest[0] === byte).map((rest) => rest.subarray(1));
      if (further.some((rest) => rest.length === 0)) return [];
      return sequence({ kind: 'bytes', ranges: [[byte, byte]] }, choice(end, from(further)));
    });
    return choice(sequence({ kind: 'bytes', ranges: without(nexts) }, anything), ...branches);
  };
  return from(words.map((word) => utf8.encode(word)));
}

/** Ranges of all bytes but these, which are in order. */
function without(bytes: readonly number[]): Ranges {
  const edges = [-1, ...bytes, 256];
  return edges.slice(1).flatMap((edge, i) => (edges[i]! + 1 < edge ? [[edges[i]! + 1, edge - 1] as const] : []));
}
