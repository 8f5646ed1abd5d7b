import 'fake-indexeddb/auto';
import { describe, expect, it } from 'vitest';
import { createStore, set } from 'idb-keyval';
import { addMessage, newConversation } from './conversation.ts';
import { ConversationDatabase } from './database.ts';

let count = 0;
function freshDatabase(): { database: ConversationDatabase; name: string } {
  const name = `test-${++count}`;
  return { database: new ConversationDatabase(name), name };
}

function conversation(...texts: string[]) {
  return texts.reduce(
    (sum, content, index) => {
      const id = `m${index}`;
      return addMessage(sum, {
        id,
        parent: sum.tip,
        role: index % 2 === 0 ? 'user' : 'assistant',
        content,
        createdAt: index,
      });
    },
    newConversation('', 1),
  );
}

describe('ConversationDatabase', () => {
  it('gives back what was written, after a new start', async () => {
    const { database, name } = freshDatabase();
    const one = conversation('hello', 'world');
    await database.write(one);
    const reopened = new ConversationDatabase(name);
    expect(await reopened.read(one.id)).toEqual(one);
    expect(await reopened.summaries()).toEqual([
      { id: one.id, title: 'hello', pinned: false, createdAt: 1, updatedAt: 1 },
    ]);
    expect(await reopened.read('nothing')).toBeNull();
  });

  it('deletes a conversation with its draft', async () => {
    const { database } = freshDatabase();
    const one = conversation('hello');
    await database.write(one);
    await database.writeDraft(one.id, 'half a thou');
    await database.remove(one.id);
    expect(await database.read(one.id)).toBeNull();
    expect(await database.summaries()).toEqual([]);
    expect(await database.readDraft(one.id)).toBe('');
  });

  it('keeps a draft for every conversation and one for the next', async () => {
    const { database } = freshDatabase();
    await database.writeDraft(null, 'new');
    await database.writeDraft('a', 'in a');
    expect([await database.readDraft(null), await database.readDraft('a'), await database.readDraft('b')]).toEqual([
      'new',
      'in a',
      '',
    ]);
    await database.writeDraft(null, '');
    expect(await database.readDraft(null)).toBe('');
  });

  it('finds words in titles and in any message, whatever their case', async () => {
    const { database } = freshDatabase();
    const [bread, boats] = [conversation('Bread', 'Use FLOUR.'), conversation('Boats', 'Mind the Straße.')];
    await database.write(bread);
    await database.write(boats);
    expect(await database.search('flour')).toEqual(new Set([bread.id]));
    expect(await database.search('straße')).toEqual(new Set([boats.id]));
    expect(await database.search('b')).toEqual(new Set([bread.id, boats.id]));
    expect(await database.search('nothing')).toEqual(new Set());
  });

  it('changes what is stored, and says when there is nothing', async () => {
    const { database, name } = freshDatabase();
    const one = conversation('hello');
    await database.write(one);
    await new ConversationDatabase(name).update(one.id, (stored) => ({ ...stored, pinned: true }));
    expect(await database.update(one.id, (stored) => ({ ...stored, title: 'both' }))).toBe(true);
    expect(await database.read(one.id)).toMatchObject({ pinned: true, title: 'both' });
    expect(await database.update('nothing', (stored) => stored)).toBe(false);
    const fail = () => {
      throw new Error('no');
    };
    await expect(database.update(one.id, fail)).rejects.toMatchObject({ code: 'storage', message: 'no' });
    expect((await database.summaries())[0]).toMatchObject({ pinned: true, title: 'both' });
  });

  it('refuses a damaged conversation, lists and searches the rest', async () => {
    const { database, name } = freshDatabase();
    const whole = conversation('whole');
    await database.write(whole);
    const store = createStore(name, 'records');
    await set('c:bad', { id: 'bad', title: 3, messages: [null] }, store);
    await set('s:bad', 'nonsense', store);
    await expect(database.read('bad')).rejects.toMatchObject({ code: 'storage' });
    expect((await database.summaries()).map(({ id }) => id)).toEqual([whole.id]);
    expect(await database.search('whole')).toEqual(new Set([whole.id]));
  });
});
