/** How the scripted engine chooses a reply or a tool call, and counts tokens. */
import type { ChatMessage, GenerateRequest, ToolCall } from '../../workers/shared/protocol.ts';
import { CITING, GROWING, HOSTILE, JSON_ANSWER, LONG, REASONED, SHORT, SHOWCASE, UNANSWERED } from './fake-replies.ts';

/** "calculate 2+2" calls the calculator, once or (with "again") as long as it may; "look up tea" searches the documents. */
export function fakeCall({ tools = [], mayCall, messages }: GenerateRequest): ToolCall | null {
  const prompt = messages.findLast(({ role }) => role === 'user')?.content ?? '';
  const [, again, expression] = /^calculate (again )?(.+)$/.exec(prompt) ?? [];
  const [, query] = /^look up (.+)$/.exec(prompt) ?? [];
  const called = (messages.at(-1)?.rounds?.length ?? 0) > 0;
  if (query && !called && tools.some(({ name }) => name === 'search_documents'))
    return { name: 'search_documents', arguments: { query } };
  if (!expression || !tools.some(({ name }) => name === 'calculator') || mayCall === false || (called && !again))
    return null;
  return { name: 'calculator', arguments: { expression } };
}

export function pickReply(request: GenerateRequest): string {
  const results = request.messages
    .at(-1)
    ?.rounds?.at(-1)
    ?.calls.map(({ result }) => result);
  if (results) return `The tool says ${results.join(' and ')}.`;
  if (request.constraint) return JSON_ANSWER;
  const prompt = request.messages.at(-1)?.content.toLowerCase() ?? '';
  if (prompt.includes('passages from documents:')) return CITING;
  if (request.continueLast) return ' And so it goes on to its end.';
  if (prompt.includes('growing')) return GROWING;
  if (prompt.includes('hostile')) return HOSTILE;
  if (prompt.includes('long')) return LONG;
  if (prompt.includes('reason')) return REASONED;
  if (prompt.includes('ponder')) return UNANSWERED;
  if (prompt.includes('tour')) return SHOWCASE;
  return SHORT;
}

export function countFakeTokens(messages: ChatMessage[]): number {
  return messages.reduce((sum, message) => sum + 4 + Math.ceil(message.content.length / 4), 3);
}
