import { describe, expect, it } from 'vitest';
import { addMessage, newConversation } from './conversation.ts';
import { exportJson, exportMarkdown, fileNameOf, readImport } from './transfer.ts';

const QUESTION = { id: 'q', parent: null, role: 'user', content: 'Why?', createdAt: 5 } as const;
const REPLY = { state: 'done', seed: 1, model: 'Phi-4-mini', thoughtMs: 1200 } as const;
const CHAT = addMessage(addMessage(newConversation('Be brief.\nBe kind.', 5), QUESTION), {
  id: 'a',
  parent: 'q',
  role: 'assistant',
  content: '<think>hm</think>\n\nBecause.\n',
  createdAt: 6,
  reply: REPLY,
});
const WORDS = {
  untitled: 'Untitled',
  you: 'You',
  thoughts: 'Thoughts',
  system: 'System prompt',
  tool: (name: string) => `Tool: ${name}`,
  asked: 'Asked',
  result: 'Result',
};
const CALLED = addMessage(CHAT, {
  id: 'b',
  parent: 'a',
  role: 'assistant',
  content: 'Four.',
  createdAt: 7,
  reply: {
    ...REPLY,
    rounds: [{ text: 'Hm.', calls: [{ name: 'add', arguments: { a: [1, { b: null }] }, result: 'four ``` fences' }] }],
  },
});

describe('JSON', () => {
  it('comes back as it went', async () => {
    const called = { ...CALLED, tools: ['calculator'] };
    for (const conversations of [[CHAT], [], [called]])
      expect(await readImport(exportJson(conversations))).toEqual({ conversations, prompts: [] });
  });

  const broken = (change: (chat: Record<string, unknown>) => void) => {
    const file = JSON.parse(exportJson([CHAT, CHAT])) as { conversations: Record<string, unknown>[] };
    change(file.conversations[1]!);
    return JSON.stringify(file);
  };
  const message = (change: Record<string, unknown>) => (chat: Record<string, unknown>) =>
    Object.assign((chat['messages'] as object[])[1]!, change);

  it.each<[string, string, RegExp]>([
    ['no JSON', '{"format":', /it is not JSON/],
    ['another file', '{"a": 1}', /not an export of chats/],
    ['null', 'null', /not an export of chats/],
    ['a list', '[1]', /not an export of chats/],
    ['another version', exportJson([CHAT]).replace('"version": 1', '"version": 2'), /format 2; this app reads 1/],
    ['no object', '{"format":"phi-chats","version":1,"conversations":[null]}', /chat 1 of 1/],
    ['an id that is a path', broken((chat) => (chat['id'] = '../x')), /chat 2 of 2.*\(id\)/],
    ['a parent that is not there', broken(message({ parent: 'nowhere' })), /chat 2 of 2.*tree/],
    ['a cycle', broken(message({ parent: 'a' })), /tree/],
    ['the same id twice', broken(message({ id: 'q', parent: null })), /tree/],
    ['a role that is none', broken(message({ role: 'system' })), /messages\.1\.role/],
    ['content that is no text', broken(message({ content: { toString: 'x' } })), /messages\.1\.content/],
    ['a time that no calendar has', broken((chat) => (chat['updatedAt'] = 1e300)), /updatedAt/],
    ['a tip that is not there', broken((chat) => (chat['tip'] = 'x')), /tree/],
  ])('is refused as a whole: %s', async (_, text, message) => {
    await expect(readImport(text)).rejects.toMatchObject({
      code: 'bad-request',
      message: expect.stringMatching(message) as string,
    });
    await expect(readImport(text)).rejects.toThrow(/Nothing was changed\.$/);
  });

  it('brings along nothing that is not in the schema, and no prototype', async () => {
    const text = broken((chat) => Object.assign(chat, { evil: 1 })).replaceAll(
      '"pinned"',
      '"__proto__": {"polluted": 1}, "pinned"',
    );
    const [chat] = (await readImport(text)).conversations;
    expect(chat).toEqual(CHAT);
    expect('polluted' in {} || 'polluted' in chat!).toBe(false);
  });
});

it('Markdown has a heading for every message, and folds thoughts', () => {
  expect(exportMarkdown(CHAT, WORDS)).toBe(
    '# Why?\n\n> **System prompt:** Be brief.\n> Be kind.\n\n## You\n\nWhy?\n\n## Phi-4-mini\n\n<details><summary>Thoughts</summary>\n\nhm\n\n</details>\n\nBecause.\n',
  );
});

it('file names hold nothing that a system refuses', () => {
  expect(fileNameOf('What is 1/2: "a" <b>?\n', 'Untitled')).toBe('What is 1 2 a b');
  expect(fileNameOf('../..', 'Untitled')).toBe('Untitled');
  expect(fileNameOf('空が青い理由', 'x')).toBe('空が青い理由');
});

it('Markdown shows what a reply called, and what came back', () => {
  expect(exportMarkdown(CALLED, WORDS)).toContain(
    [
      '## Phi-4-mini',
      'Hm.',
      '**Tool: add**',
      'Asked',
      '```json\n{"a":[1,{"b":null}]}\n```',
      'Result',
      '````json\nfour ``` fences\n````',
      'Four.',
    ].join('\n\n'),
  );
});
