/** A reply that may call tools: the model writes, tools run, the model goes on with their results. */
import { PhiError } from '../../workers/shared/errors.ts';
import type { ChatMessage, GenerateRequest } from '../../workers/shared/protocol.ts';
import type { AnsweredCall, ToolCall, ToolRound } from '../../workers/shared/tools.ts';
import { unlessAborted } from '../engine/abort.ts';
import type { GenerateUpdate } from '../engine/types.ts';
import { specOf, type Tool, type ToolContext } from './tool.ts';

/** Behind this many rounds an answer is due. */
export const MOST_ROUNDS = 5;
/** Longest result, in characters: about 2,000 tokens. */
const MOST_RESULT = 8_000;

export type ToolUpdate =
  | Exclude<GenerateUpdate, { type: 'calls' }>
  /** These tools run now. */
  | { type: 'calling'; calls: readonly ToolCall[] }
  /** They have run. The text so far belongs to the round; what comes is what the model writes behind it. */
  | { type: 'round'; round: ToolRound };

/**
 * The reply's events, with one `end`. The request's last message may be an unfinished reply with rounds of its own, which count.
 * @param generate streams one reply of the engine
 */
export async function* answerWithTools(
  generate: (request: GenerateRequest) => AsyncIterable<GenerateUpdate>,
  request: GenerateRequest,
  tools: readonly Tool[],
  context: ToolContext,
): AsyncGenerator<ToolUpdate, void, void> {
  const last = request.messages.at(-1);
  const begun = last?.role === 'assistant' ? last : null;
  const before = begun ? request.messages.slice(0, -1) : request.messages;
  const specs = tools.map(specOf);
  let rounds: readonly ToolRound[] = begun?.rounds ?? [];
  let text = request.continueLast ? (begun?.content ?? '') : '';
  let next = request;
  for (;;) {
    let calls: ToolCall[] = [];
    for await (const event of generate({ ...next, tools: specs, mayCall: rounds.length < MOST_ROUNDS })) {
      if (event.type === 'calls') {
        calls = event.calls;
        continue;
      }
      if (event.type === 'text') text += event.text;
      if (event.type === 'end' && calls.length > 0) break;
      yield event;
    }
    if (calls.length === 0) return;
    yield { type: 'calling', calls };
    const answered: AnsweredCall[] = [];
    for (const call of calls) answered.push({ ...call, result: await resultOf(call, tools, context) });
    const round = { text, calls: answered };
    yield { type: 'round', round };
    rounds = [...rounds, round];
    text = '';
    const reply: ChatMessage = { role: 'assistant', content: '', rounds };
    next = { ...request, messages: [...before, reply], continueLast: false };
  }
}

/** What the model reads. Rejects with `cancelled` only. */
async function resultOf(call: ToolCall, tools: readonly Tool[], context: ToolContext): Promise<string> {
  const { signal } = context;
  try {
    throwIfStopped(signal);
    const tool = tools.find(({ name }) => name === call.name);
    if (!tool) throw new Error(`There is no tool "${call.name}".`);
    // A tool that does not listen to the signal is left behind.
    const result = await unlessAborted(Promise.resolve(tool.run(call.arguments, context)), [signal]);
    return shortened(typeof result === 'string' ? result : (JSON.stringify(result) ?? 'null'));
  } catch (cause) {
    throwIfStopped(signal);
    return JSON.stringify({ error: shortened(cause instanceof Error ? cause.message : String(cause)) });
  }
}

function throwIfStopped(signal: AbortSignal): void {
  if (signal.aborted) throw new PhiError('cancelled', 'The reply was stopped while a tool ran.');
}

const shortened = (text: string): string => (text.length > MOST_RESULT ? `${text.slice(0, MOST_RESULT)}…` : text);
