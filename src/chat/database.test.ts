import 'fake-indexeddb/auto';
import { describe, expect, it, vi } from 'vitest';
import { createStore, set, type UseStore } from 'idb-keyval';
import { addMessage, newConversation, type Conversation, type Message } from './conversation.ts';
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
    await database.write([one]);
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
    await database.write([one]);
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
    await database.write([bread]);
    await database.write([boats]);
    expect(await database.search('flour')).toEqual(new Set([bread.id]));
    expect(await database.search('straße')).toEqual(new Set([boats.id]));
    expect(await database.search('b')).toEqual(new Set([bread.id, boats.id]));
    expect(await database.search('nothing')).toEqual(new Set());
  });

  it('changes what is stored, and says when there is nothing', async () => {
    const { database, name } = freshDatabase();
    const one = conversation('hello');
    await database.write([one]);
    await new ConversationDatabase(name).apply(one.id, { head: { pinned: true }, messages: [] });
    expect(await database.apply(one.id, { head: { title: 'both' }, messages: [] })).toBe(true);
    expect(await database.read(one.id)).toMatchObject({ pinned: true, title: 'both' });
    expect(await database.apply('nothing', { head: { title: 'ghost' }, messages: [] })).toBe(false);
    expect(await database.read('nothing')).toBeNull();
    await set(`c:${one.id}`, { format: 2, title: 3 }, createStore(name, 'records'));
    await expect(database.apply(one.id, { head: { title: 'other' }, messages: [] })).rejects.toMatchObject({
      code: 'storage',
      message: expect.stringContaining('damaged') as string,
    });
    expect((await database.summaries())[0]).toMatchObject({ pinned: true, title: 'both' });
  });

  it('refuses a damaged conversation, lists and searches the rest', async () => {
    const { database, name } = freshDatabase();
    const whole = conversation('whole');
    await database.write([whole]);
    const store = createStore(name, 'records');
    await set('c:bad', { id: 'bad', title: 3, messages: [null] }, store);
    await set('s:bad', 'nonsense', store);
    await expect(database.read('bad')).rejects.toMatchObject({ code: 'storage' });
    expect((await database.summaries()).map(({ id }) => id)).toEqual([whole.id]);
    expect(await database.search('whole')).toEqual(new Set([whole.id]));
  });

  it('stores one message alone, and a new one before its conversation', async () => {
    const { database, name } = freshDatabase();
    const one = conversation('hello', 'world');
    await database.write([one]);
    const put = vi.spyOn(IDBObjectStore.prototype, 'put');
    const other = { ...one.messages[1]!, content: 'worlds' };
    await database.apply(one.id, { head: {}, messages: [[1, other]] });
    expect(put.mock.calls.map(([, key]) => key)).toEqual([`m:${one.id}/m1`]);
    put.mockRestore();
    expect((await database.read(one.id))?.messages).toEqual([one.messages[0], other]);
    // The page went away before the conversation heard of it: the message is the newest all the same.
    const late = { id: 'm2', parent: 'm1', role: 'user', content: 'late', createdAt: 0 } as const;
    await database.ahead(one.id, [[2, late]]);
    const read = await new ConversationDatabase(name).read(one.id);
    expect([read?.tip, read?.messages]).toEqual(['m2', [one.messages[0], other, late]]);
  });

  it('keeps messages of two tabs that gave them the same place, and leaves out one whose parent is gone', async () => {
    const { database } = freshDatabase();
    const one = conversation('hello', 'world');
    await database.write([one]);
    const message = (id: string, parent: string) =>
      ({ id, parent, role: 'user', content: id, createdAt: 9 }) satisfies Message;
    await database.apply(one.id, {
      head: { tip: 'b2' },
      messages: [
        [2, message('b1', 'm1')],
        [3, message('b2', 'b1')],
      ],
    });
    await database.apply(one.id, {
      head: { tip: 'a2' },
      messages: [
        [2, message('a1', 'b2')],
        [3, message('a2', 'a1')],
      ],
    });
    await database.ahead(one.id, [[4, message('lost', 'nowhere')]]);
    const read = await database.read(one.id);
    expect(read?.messages.map(({ id }) => id)).toEqual(['m0', 'm1', 'b1', 'b2', 'a1', 'a2']);
    expect(read?.tip).toBe('a2');
  });

  it('keeps what was chosen for a chat alone, through later changes of it', async () => {
    const { database, name } = freshDatabase();
    const one: Conversation = {
      ...conversation('hello'),
      model: { server: 'http://127.0.0.1:1234/v1', model: 'phi' },
      consent: { origin: 'http://127.0.0.1:1234', history: 5, documents: null, tools: null },
    };
    await database.write([one]);
    await database.apply(one.id, { head: { title: 'bye' }, messages: [] });
    expect(await new ConversationDatabase(name).read(one.id)).toEqual({ ...one, title: 'bye' });
    // A damaged choice is dropped; the chat is read.
    await database.apply(one.id, { head: { model: 7 as never, consent: { origin: 1 } as never }, messages: [] });
    const read = await database.read(one.id);
    expect([read?.model, read?.consent, read?.messages]).toEqual([undefined, undefined, one.messages]);
  });

  it('removes the sent draft with the write that stores the message', async () => {
    const { database } = freshDatabase();
    const one = conversation('hello');
    await database.writeDraft(null, 'hello');
    await database.write([one], { draftOf: null });
    expect(await database.readDraft(null)).toBe('');
    await database.writeDraft(one.id, 'more');
    await database.apply('nothing', { head: {}, messages: [] }, { draftOf: one.id });
    expect(await database.readDraft(one.id)).toBe('more');
    await database.apply(one.id, { head: {}, messages: [] }, { draftOf: one.id });
    expect(await database.readDraft(one.id)).toBe('');
    // Already with the message that is stored before its conversation: a page that goes away in between would show it twice.
    await database.writeDraft(one.id, 'late');
    const late = { id: 'late', parent: 'm0', role: 'user', content: 'late', createdAt: 0 } as const;
    await database.ahead(one.id, [[1, late]], { draftOf: one.id });
    expect(await database.readDraft(one.id)).toBe('');
    expect((await database.read(one.id))?.tip).toBe('late');
  });

  it('stores many conversations in a record each, and takes one apart with its first change', async () => {
    const { database, name } = freshDatabase();
    const many = Array.from({ length: 120 }, (_, index) => conversation(`hello ${index}`, 'world'));
    const put = vi.spyOn(IDBObjectStore.prototype, 'put');
    await database.writeMany(many);
    expect(put).toHaveBeenCalledTimes(2 * many.length);
    put.mockRestore();
    expect(await database.summaries()).toHaveLength(many.length);
    const [one, other] = [many[119]!, many[7]!];
    expect(await database.read(one.id)).toEqual(one);
    expect(await database.search('HELLO 119')).toEqual(new Set([one.id]));
    expect((await database.search('world')).size).toBe(many.length);

    // The page went away after the message and before the change: it is there, and the newest.
    const late = { id: 'm2', parent: 'm1', role: 'user', content: 'late', createdAt: 0 } as const;
    await database.ahead(one.id, [[2, late]]);
    const read = await new ConversationDatabase(name).read(one.id);
    expect([read?.tip, read?.messages]).toEqual(['m2', [...one.messages, late]]);

    const reply = { ...other.messages[1]!, content: 'worlds' };
    expect(await database.apply(other.id, { head: {}, messages: [[1, reply]] })).toBe(true);
    expect((await database.read(other.id))?.messages).toEqual([other.messages[0], reply]);
    const again = vi.spyOn(IDBObjectStore.prototype, 'put');
    await database.apply(other.id, { head: {}, messages: [[1, other.messages[1]!]] });
    expect(again.mock.calls.map(([, key]) => key)).toEqual([`m:${other.id}/m1`]);
    again.mockRestore();
    expect(await database.read(other.id)).toEqual(other);
    await database.remove(one.id);
    expect(await database.read(one.id)).toBeNull();
  });

  it('takes apart what version 0.1 wrote, when it opens and also later, and leaves what is damaged to be refused', async () => {
    const name = `test-${++count}`;
    const [one, two] = [conversation('Bread', 'flour'), conversation('Boats', 'oars')];
    const before = createStore(name, 'records');
    const writeWhole = async (store: UseStore, { id, title, pinned, createdAt, updatedAt, ...rest }: Conversation) => {
      const summary = { id, title, pinned, createdAt, updatedAt };
      await set(`c:${id}`, { ...rest, ...summary }, store);
      await set(`s:${id}`, summary, store);
    };
    await writeWhole(before, one);
    await set('c:bad', { id: 'bad', messages: [null] }, before);
    const close = (store: IDBObjectStore) => store.transaction.db.close();
    await before('readonly', close);

    const database = new ConversationDatabase(name);
    expect(await database.read(one.id)).toEqual(one);
    await expect(database.read('bad')).rejects.toMatchObject({ code: 'storage' });
    // A page of version 0.1 that still runs writes as it always did.
    await writeWhole(createStore(name, 'records'), two);
    expect(await database.read(two.id)).toEqual(two);
    expect(await database.search('oars')).toEqual(new Set([two.id]));
    const more = { id: 'm2', parent: 'm1', role: 'user', content: 'more', createdAt: 5 } as const;
    expect(await database.apply(two.id, { head: { tip: 'm2' }, messages: [[2, more]] })).toBe(true);
    expect((await database.read(two.id))?.messages).toEqual([...two.messages, more]);
  });
});
