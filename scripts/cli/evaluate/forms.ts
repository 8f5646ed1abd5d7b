/** How well a model keeps to a form, and chooses tools, without the constraint and with it. */
import { isDeepStrictEqual } from 'node:util';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { PhiError } from '../../../workers/shared/errors.ts';
import { GREEDY } from '../../../workers/shared/greedy.ts';
import type { ReplyResult } from '../../../workers/shared/evaluate-protocol.ts';
import type { GenerateRequest, ToolCall } from '../../../workers/shared/protocol.ts';
import type { Engine } from './engine.ts';
import type { FormCase, ToolCases } from './form-files.ts';

/** Replies of one way of asking. */
export interface Replies {
  /** Replies that were written. */
  count: number;
  /** Of these, those of the right form: for tools, text or calls that name a tool with valid arguments. */
  valid: number;
  tokens: number;
  /** First token excluded. */
  decodeTokensPerSecond: number;
  /** Tokens that were certain and not chosen. */
  forced: number;
  masks: number;
  /** Mean over the masks; null: there were none. */
  msPerMask: number | null;
}

export interface FormsReport {
  file: string;
  free: Replies;
  constrained: Replies;
  /** Cases that are refused: a keyword that is not enforced, or no room for the shortest answer. */
  refused: { name: string; why: string }[];
  problems: string[];
}

type Chosen = Replies & {
  /** Replies with the tool that the case names, or without one where it names none. */
  chosen: number;
  /** Those of them that have the case's arguments, if it has any. */
  rightArguments: number;
};

export interface ToolsReport {
  file: string;
  free: Chosen;
  constrained: Chosen;
  problems: string[];
}

export async function checkForms(
  engine: Engine,
  file: string,
  cases: readonly FormCase[],
  maxTokens: number,
): Promise<FormsReport> {
  const free = new Tally();
  const constrained = new Tally();
  const report: Pick<FormsReport, 'refused' | 'problems'> = { refused: [], problems: [] };
  for (const [i, { name = `case ${i + 1}`, prompt, schema }] of cases.entries()) {
    const content = `${prompt}\n\nAnswer only with JSON that is valid for this JSON Schema: ${JSON.stringify(schema)}`;
    const request: GenerateRequest = { messages: [{ role: 'user', content }], sampling: GREEDY, maxTokens };
    const isValid = validator(schema);
    try {
      const held = await engine.call('reply', { ...request, constraint: { kind: 'json', schema } });
      const valid = isValid(jsonOf(held.text));
      constrained.add(held, valid);
      if (!valid) report.problems.push(`${name}: the constrained reply is not valid: ${held.text.slice(0, 200)}`);
    } catch (error) {
      if (!(error instanceof PhiError) || error.code !== 'bad-request') throw error;
      report.refused.push({ name, why: error.message });
      continue;
    }
    const reply = await engine.call('reply', request);
    free.add(reply, isValid(jsonOf(reply.text)));
  }
  if (constrained.count === 0) report.problems.push('Every case was refused.');
  return { file, free: free.report(), constrained: constrained.report(), ...report };
}

export async function checkTools(
  engine: Engine,
  file: string,
  { tools, cases }: ToolCases,
  maxTokens: number,
): Promise<ToolsReport> {
  const problems: string[] = [];
  const run = async (enforce: boolean): Promise<Chosen> => {
    const tally = new Tally();
    let chosen = 0;
    let rightArguments = 0;
    for (const { prompt, call, arguments: expected } of cases) {
      const messages: GenerateRequest['messages'] = [{ role: 'user', content: prompt }];
      const reply = await engine.call('reply', { messages, sampling: GREEDY, maxTokens, tools, enforce });
      const valid = areCalls(reply, tools);
      tally.add(reply, valid);
      if (enforce && !valid)
        problems.push(
          `"${prompt}": the constrained call is not valid: ${JSON.stringify(reply.calls)} ${reply.text.slice(0, 200)}`,
        );
      if (!valid || (reply.calls[0]?.name ?? null) !== call) continue;
      chosen++;
      if (!expected || isDeepStrictEqual(reply.calls[0]!.arguments, expected)) rightArguments++;
    }
    return { ...tally.report(), chosen, rightArguments };
  };
  const free = await run(false);
  return { file, free, constrained: await run(true), problems };
}

/** Text that looks like a call but is not one. */
const BROKEN_CALL = /functools|<\/?tool_call>|"arguments"\s*:/;

function areCalls({ calls, text }: Pick<ReplyResult, 'calls' | 'text'>, tools: ToolCases['tools']): boolean {
  if (calls.length === 0) return !BROKEN_CALL.test(text);
  return calls.every((call: ToolCall) => {
    const tool = tools.find(({ name }) => name === call.name);
    return tool !== undefined && validator(tool.parameters)(call.arguments);
  });
}

function validator(schema: object | boolean): (value: unknown) => boolean {
  const validate = new Ajv2020({ strict: false, validateFormats: false }).compile(schema);
  return (value) => value !== undefined && validate(value);
}

/** The value of a reply that is JSON, in a block of code or not; undefined: it is not JSON. */
function jsonOf(text: string): unknown {
  const [, inner = text] = /^\s*```(?:json)?\s*([^]*?)```\s*$/.exec(text) ?? [];
  try {
    return JSON.parse(inner) as unknown;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

class Tally {
  count = 0;
  #valid = 0;
  #tokens = 0;
  #decoded = 0;
  #decodeMs = 0;
  #forced = 0;
  #masks = 0;
  #maskMs = 0;

  add({ stats }: Pick<ReplyResult, 'stats'>, valid: boolean): void {
    this.count++;
    if (valid) this.#valid++;
    this.#tokens += stats.generatedTokens;
    if (stats.decodeTokensPerSecond > 0) {
      const decoded = stats.generatedTokens - 1;
      this.#decoded += decoded;
      this.#decodeMs += (1000 * decoded) / stats.decodeTokensPerSecond;
    }
    this.#forced += stats.constraint?.forced ?? 0;
    this.#masks += stats.constraint?.masks ?? 0;
    this.#maskMs += stats.constraint?.maskMs ?? 0;
  }

  report(): Replies {
    return {
      count: this.count,
      valid: this.#valid,
      tokens: this.#tokens,
      decodeTokensPerSecond: this.#decodeMs > 0 ? (1000 * this.#decoded) / this.#decodeMs : 0,
      forced: this.#forced,
      masks: this.#masks,
      msPerMask: this.#masks > 0 ? this.#maskMs / this.#masks : null,
    };
  }
}
