import { describe, expect, it } from 'vitest';
import type { Conversation } from './conversation.ts';
import { MemoryRecords } from '../testing/memory-records.ts';
import { addMessage, newConversation } from './conversation.ts';
import { Conversations } from './conversations.svelte.ts';

function conversation(title: string, now: number): Conversation {
  return addMessage(newConversation('', now), { id: `m${now}`, parent: null, role: 'user', content: title, createdAt: now });
}

async function storeWith(...titles: string[]): Promise<{ store: Conversations; memory: MemoryRecords; ids: string[] }> {
  const memory = new MemoryRecords();
  const stored = titles.map((title, index) => conversation(title, index + 1));
  for (const one of stored) memory.records.set(one.id, one);
  const store = new Conversations(memory);
  await store.loadList();
  return { store, memory, ids: stored.map(({ id }) => id) };
}

const titles = (store: Conversations) => store.summaries.map(({ title }) => title);

describe('Conversations', () => {
  it('lists the newest first, pinned ones before all', async () => {
    const { store, ids } = await storeWith('old', 'middle', 'new');
    expect(titles(store)).toEqual(['new', 'middle', 'old']);
    await store.pin(ids[0]!, true);
    expect(titles(store)).toEqual(['old', 'new', 'middle']);
  });

  it('opens, renames, and refuses an empty name', async () => {
    const { store, memory, ids } = await storeWith('one');
    await store.open(ids[0]!);
    await store.rename(ids[0]!, '  Better  ');
    await store.rename(ids[0]!, '   ');
    expect(store.current?.title).toBe('Better');
    expect(memory.records.get(ids[0]!)).toMatchObject({ title: 'Better', named: true });
  });

  it('says when a conversation does not exist', async () => {
    const { store } = await storeWith();
    await expect(store.open('nowhere')).rejects.toMatchObject({ code: 'bad-request' });
  });

  it('opens a reply that a reload cut off as partial', async () => {
    const { store, memory, ids } = await storeWith('one');
    const stored = memory.records.get(ids[0]!)!;
    memory.records.set(
      ids[0]!,
      addMessage(stored, { id: 'r', parent: 'm1', role: 'assistant', content: 'half', createdAt: 2, reply: { state: 'streaming', seed: 1, model: 'x' } }),
    );
    expect((await store.open(ids[0]!)).messages.at(-1)?.reply?.state).toBe('partial');
  });

  it('deletes, and brings back what was deleted', async () => {
    const { store, memory, ids } = await storeWith('one', 'two');
    await store.open(ids[0]!);
    const restore = await store.remove(ids[0]!);
    expect(titles(store)).toEqual(['two']);
    expect(store.current).toBeNull();
    expect(memory.records.has(ids[0]!)).toBe(false);
    await restore();
    expect(titles(store)).toEqual(['two', 'one']);
    expect(memory.records.get(ids[0]!)?.messages).toHaveLength(1);
  });

  it('does not bring back a deleted conversation when its reply goes on', async () => {
    const { store, memory, ids } = await storeWith('one');
    await store.open(ids[0]!);
    await store.remove(ids[0]!);
    await store.update(ids[0]!, (current) => ({ ...current, title: 'ghost' }));
    expect(memory.records.size).toBe(0);
    expect(titles(store)).toEqual([]);
  });

  it('applies changes at once and writes them in order', async () => {
    const { store, memory, ids } = await storeWith('one');
    await store.open(ids[0]!);
    const writes = ['a', 'b', 'c'].map((title) => store.update(ids[0]!, (current) => ({ ...current, title })));
    expect(store.current?.title).toBe('c');
    await Promise.all(writes);
    expect(memory.writes).toEqual(['a', 'b', 'c']);
  });

  it('keeps what could not be written, says so, and takes it back after a write that works', async () => {
    const { store, memory, ids } = await storeWith('one');
    await store.open(ids[0]!);
    memory.failing = true;
    await store.rename(ids[0]!, 'unsaved');
    expect(store.problem?.code).toBe('quota');
    expect(store.current?.title).toBe('unsaved');
    memory.failing = false;
    await store.rename(ids[0]!, 'saved');
    expect(store.problem).toBeNull();
    expect(memory.records.get(ids[0]!)?.title).toBe('saved');
  });
});
