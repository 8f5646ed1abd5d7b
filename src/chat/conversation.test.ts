import { describe, expect, it } from 'vitest';
import type { Conversation, Message } from './conversation.ts';
import {
  addMessage,
  branchFrom,
  bySummaryOrder,
  newConversation,
  pathTo,
  recover,
  showBranch,
  siblingsOf,
  summaryOf,
  titleFrom,
  toChatMessages,
} from './conversation.ts';
import { parseConversation, parseSummary } from './schema.ts';

function message(id: string, parent: string | null, role: Message['role'], content = id): Message {
  const base = { id, parent, role, content, createdAt: Number(id.slice(1)) };
  return role === 'user' ? base : { ...base, reply: { state: 'done', seed: 7, model: 'test' } };
}

/** u1 - a2 - u3 - a4, with a5 beside a4 and u6 - a7 beside u3. */
function forked(): Conversation {
  const start = newConversation('Be brief.', 0);
  return [
    message('m1', null, 'user'),
    message('m2', 'm1', 'assistant'),
    message('m3', 'm2', 'user'),
    message('m4', 'm3', 'assistant'),
    message('m5', 'm3', 'assistant'),
    message('m6', 'm2', 'user'),
    message('m7', 'm6', 'assistant'),
  ].reduce(addMessage, start);
}

const ids = (messages: Message[]) => messages.map(({ id }) => id);

describe('tree of messages', () => {
  it('shows the path to the newest message', () => {
    expect(ids(pathTo(forked()))).toEqual(['m1', 'm2', 'm6', 'm7']);
    expect(ids(pathTo(newConversation('')))).toEqual([]);
  });

  it('knows the versions of a message', () => {
    expect(ids(siblingsOf(forked(), 'm4'))).toEqual(['m4', 'm5']);
    expect(ids(siblingsOf(forked(), 'm6'))).toEqual(['m3', 'm6']);
    expect(ids(siblingsOf(forked(), 'm1'))).toEqual(['m1']);
  });

  it('shows the newest leaf below the version chosen', () => {
    expect(ids(pathTo(showBranch(forked(), 'm3')))).toEqual(['m1', 'm2', 'm3', 'm5']);
    expect(ids(pathTo(showBranch(forked(), 'm4')))).toEqual(['m1', 'm2', 'm3', 'm4']);
  });

  it('never changes the conversation that it is given', () => {
    const before = forked();
    const copy = structuredClone(before);
    addMessage(before, message('m8', 'm7', 'user'));
    showBranch(before, 'm4');
    branchFrom(before, 'm4');
    recover(before);
    expect(before).toEqual(copy);
  });
});

describe('branchFrom', () => {
  it('copies the path, with ids of its own', () => {
    const branch = branchFrom(showBranch(forked(), 'm4'), 'm4', 99);
    expect(pathTo(branch).map(({ content }) => content)).toEqual(['m1', 'm2', 'm3', 'm4']);
    expect(branch.messages).toHaveLength(4);
    expect(branch.messages.map(({ id }) => id).filter((id) => /^m\d$/.test(id))).toEqual([]);
    expect(branch.system).toBe('Be brief.');
    expect(branch.createdAt).toBe(99);
    expect(parseConversation(structuredClone(branch))).toEqual(branch);
  });
});

describe('recover', () => {
  it('makes a reply that was cut off partial, and leaves others alone', () => {
    const whole = forked();
    expect(recover(whole)).toBe(whole);
    const cut = addMessage(whole, {
      ...message('m8', 'm7', 'assistant', 'half a'),
      reply: { state: 'streaming', seed: 1, model: 'test' },
    });
    expect(pathTo(recover(cut)).at(-1)).toMatchObject({ content: 'half a', reply: { state: 'partial' } });
    expect(pathTo(recover(cut))[1]?.reply?.state).toBe('done');
  });
});

describe('toChatMessages', () => {
  it('begins with the system prompt and leaves out replies without text', () => {
    const conversation = addMessage(
      addMessage(newConversation('Be brief.'), message('m1', null, 'user')),
      message('m2', 'm1', 'assistant', ''),
    );
    expect(toChatMessages(conversation, pathTo(conversation))).toEqual([
      { role: 'system', content: 'Be brief.' },
      { role: 'user', content: 'm1' },
    ]);
    expect(toChatMessages({ system: '  ' }, pathTo(conversation))).toEqual([{ role: 'user', content: 'm1' }]);
  });
});

describe('titles and order', () => {
  it('takes the first message as title, and keeps it', () => {
    expect(forked().title).toBe('m1');
  });

  it('cuts long titles at a word, and languages without spaces at a character', () => {
    expect(titleFrom('  Hello   there\nsecond line')).toBe('Hello there');
    expect(titleFrom('word '.repeat(30))).toBe(`${'word '.repeat(11)}word…`);
    expect(titleFrom('日本語'.repeat(40))).toBe(`${'日本語'.repeat(20)}…`);
    expect(titleFrom('👩‍🚀'.repeat(60))).not.toContain('\ufffd');
  });

  it('puts pinned ones first, then the newest', () => {
    const at = (id: string, updatedAt: number, pinned = false) => ({
      ...summaryOf(newConversation('', updatedAt)),
      id,
      pinned,
    });
    expect([at('a', 1), at('b', 3), at('c', 2, true)].sort(bySummaryOrder).map(({ id }) => id)).toEqual([
      'c',
      'b',
      'a',
    ]);
  });
});

describe('parseConversation', () => {
  const broken: [string, (conversation: Conversation) => unknown][] = [
    ['no object', () => null],
    ['another format', (c) => ({ ...c, format: 2 })],
    ['a message of an unknown role', (c) => ({ ...c, messages: [{ ...c.messages[0], role: 'tool' }] })],
    ['a parent that does not exist', (c) => ({ ...c, messages: c.messages.slice(1) })],
    ['a cycle', (c) => ({ ...c, messages: c.messages.map((m) => (m.id === 'm1' ? { ...m, parent: 'm4' } : m)) })],
    ['the same id twice', (c) => ({ ...c, messages: [...c.messages, c.messages[6]] })],
    ['a tip that does not exist', (c) => ({ ...c, tip: 'm9' })],
    ['no tip beside messages', (c) => ({ ...c, tip: null })],
    ['a pin that is no boolean', (c) => ({ ...c, pinned: 'yes' })],
    ['an infinite time', (c) => ({ ...c, createdAt: Infinity })],
  ];

  it('gives back what is sound', () => {
    const sound = forked();
    expect(parseConversation(structuredClone(sound))).toEqual(sound);
  });

  it.each(broken)('refuses %s', (_name, breakIt) => {
    expect(() => parseConversation(breakIt(forked()))).toThrow(expect.objectContaining({ code: 'storage' }));
  });

  it('keeps a reply whose statistics are not finite', () => {
    const conversation = forked();
    const stats = {
      promptTokens: 1,
      prefilledTokens: 1,
      generatedTokens: 1,
      contextTokens: 2,
      timeToFirstTokenMs: 1,
      prefillTokensPerSecond: 1,
      decodeTokensPerSecond: NaN,
    };
    conversation.messages[1] = { ...conversation.messages[1]!, reply: { state: 'done', seed: 1, model: 'x', stats } };
    expect(parseConversation(conversation).messages[1]?.reply).toEqual({
      state: 'done',
      seed: 1,
      model: 'x',
      stats: undefined,
    });
  });

  it('reads list entries, and passes over damaged ones', () => {
    const summary = summaryOf(forked());
    expect(parseSummary(summary)).toEqual(summary);
    expect(parseSummary({ id: 'x' })).toBeNull();
  });
});
