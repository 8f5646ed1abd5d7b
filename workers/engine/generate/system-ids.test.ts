import { describe, expect, it } from 'vitest';
import type { ChatMessage, ToolSpec } from '../../shared/protocol.ts';
import { systemIds } from './system-ids.ts';

/** One token a character; `joins`: the first word is one token with the line before it. */
const conversation = (joins: boolean) => ({
  encode: (messages: readonly ChatMessage[], { tools = [] }: { tools?: readonly ToolSpec[] } = {}) =>
    [...tools.map(({ name }) => name), ...messages.map(({ role, content }) => `<${role}>\n${content}`)]
      .join('')
      .match(joins ? /\n\w|[^]/g : /[^]/g)!
      .map((piece) => piece.codePointAt(0)! + 1000 * (piece.codePointAt(1) ?? 0)),
});
const text = (ids: readonly number[]) => String.fromCodePoint(...ids);
const system: ChatMessage = { role: 'system', content: 'Be brief.' };
const user: ChatMessage = { role: 'user', content: 'Hello' };

describe('the beginning that chats share', () => {
  it('is the system prompt up to the first word of the person', () => {
    expect(text(systemIds(conversation(false), { messages: [system, user] }))).toBe('<system>\nBe brief.<user>\n');
  });

  it('ends where a token joins that word with what is before it', () => {
    const own = { ...system, content: ' x' };
    expect(text(systemIds(conversation(true), { messages: [own, user] }))).toBe('<system>\n x<user>');
  });

  it('has the tools, and is empty without them and a system prompt', () => {
    const tools: ToolSpec[] = [{ name: 'clock', description: '', parameters: {} }];
    expect(text(systemIds(conversation(false), { messages: [user], tools }))).toBe('clock<user>\n');
    expect(systemIds(conversation(false), { messages: [user] })).toEqual([]);
  });
});
