import { describe, expect, it, vi } from 'vitest';
import type { Conversation } from './conversation.ts';
import { MemoryRecords } from '../testing/memory-records.ts';
import { addMessage, newConversation, pathTo } from './conversation.ts';
import { parseConversation } from './schema.ts';
import type { NewsChannel } from './conversations.svelte.ts';
import { Conversations } from './conversations.svelte.ts';

function conversation(title: string, now: number): Conversation {
  return addMessage(newConversation('', now), {
    id: `m${now}`,
    parent: null,
    role: 'user',
    content: title,
    createdAt: now,
  });
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
      addMessage(stored, {
        id: 'r',
        parent: 'm1',
        role: 'assistant',
        content: 'half',
        createdAt: 2,
        reply: { state: 'streaming', seed: 1, model: 'x' },
      }),
    );
    expect((await store.open(ids[0]!)).messages.at(-1)?.reply?.state).toBe('partial');
  });

  it('keeps every message in its place when the clock is set back between them', async () => {
    const { store, memory, ids } = await storeWith('one', 'two');
    await store.open(ids[1]!);
    await store.update(ids[1]!, (current) =>
      addMessage(current, { id: 'earlier', parent: 'm2', role: 'user', content: 'of 1970', createdAt: 0 }),
    );
    expect(pathTo(memory.records.get(ids[1]!)!).map(({ id }) => id)).toEqual(['m2', 'earlier']);
    expect(pathTo(parseConversation(structuredClone(memory.records.get(ids[1]!)))).map(({ id }) => id)).toEqual([
      'm2',
      'earlier',
    ]);
    expect(titles(store).sort()).toEqual(['one', 'two']);
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
    expect(memory.writes).toEqual(['c']);
    expect(memory.records.get(ids[0]!)?.title).toBe('c');
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

/** Two tabs: what one posts, the other hears. */
function twoTabs(memory: MemoryRecords): [Conversations, Conversations] {
  const channels: NewsChannel[] = [0, 1].map((own) => ({
    postMessage: (data: unknown) => {
      const other = channels[1 - own]!;
      queueMicrotask(() => {
        other.onmessage?.call(other as BroadcastChannel, new MessageEvent('message', { data: structuredClone(data) }));
      });
    },
    onmessage: null,
  }));
  return [new Conversations(memory, channels[0]), new Conversations(memory, channels[1])];
}

describe('two tabs', () => {
  it('keep their lists in step', async () => {
    const [a, b] = twoTabs(new MemoryRecords());
    const one = conversation('one', 1);
    await a.begin(one);
    await vi.waitFor(() => expect(titles(b)).toEqual(['one']));
    await b.rename(one.id, 'better');
    await vi.waitFor(() => expect([titles(a), a.current?.title]).toEqual([['better'], 'better']));
    const gone = vi.fn();
    a.onGone = gone;
    const restore = await b.remove(one.id);
    await vi.waitFor(() => expect([titles(a), a.current]).toEqual([[], null]));
    expect(gone).toHaveBeenCalledWith(one.id);
    await restore();
    await vi.waitFor(() => expect(titles(a)).toEqual(['better']));
  });

  it('lose no message when both add one before they have heard of the other', async () => {
    const memory = new MemoryRecords();
    const [a, b] = twoTabs(memory);
    const one = conversation('one', 1);
    await a.begin(one);
    await b.open(one.id);
    const add = (tab: Conversations, id: string) =>
      tab.update(one.id, (current) =>
        addMessage(current, { id, parent: 'm1', role: 'user', content: id, createdAt: 5 }),
      );
    await Promise.all([add(a, 'from-a'), add(b, 'from-b')]);
    const ids = () => [a, b].map((tab) => tab.current?.messages.map(({ id }) => id).sort());
    const all = ['from-a', 'from-b', 'm1'];
    await vi.waitFor(() => expect(ids()).toEqual([all, all]));
    expect(
      memory.records
        .get(one.id)
        ?.messages.map(({ id }) => id)
        .sort(),
    ).toEqual(all);
  });

  it('ignore what is no news', () => {
    const [a] = twoTabs(new MemoryRecords());
    const channel: NewsChannel = { postMessage: () => undefined, onmessage: null };
    const tab = new Conversations(new MemoryRecords(), channel);
    for (const data of [null, 3, {}, { changed: { id: 7 } }, { removed: null }])
      channel.onmessage?.call(channel as BroadcastChannel, new MessageEvent('message', { data }));
    expect([titles(a), titles(tab)]).toEqual([[], []]);
  });
});

describe('what is not on the disk', () => {
  it('goes there with the next write: changes that failed, and a conversation that was evicted', async () => {
    const { store, memory, ids } = await storeWith('one');
    await store.open(ids[0]!);
    memory.failing = true;
    await store.update(ids[0]!, (current) =>
      addMessage(current, { id: 'late', parent: 'm1', role: 'user', content: 'late', createdAt: 3 }),
    );
    memory.failing = false;
    await store.pin(ids[0]!, true);
    expect(memory.records.get(ids[0]!)).toMatchObject({ pinned: true, tip: 'late' });
    memory.records.clear();
    await store.pin(ids[0]!, false);
    expect(memory.records.get(ids[0]!)).toMatchObject({ pinned: false, tip: 'late' });
  });

  it('goes there at once when what is worth less makes room', async () => {
    const { store, memory, ids } = await storeWith('one');
    await store.open(ids[0]!);
    memory.failing = true;
    store.onFull = () => Promise.resolve(void (memory.failing = false));
    await store.rename(ids[0]!, 'renamed');
    expect(store.problem).toBeNull();
    expect(memory.records.get(ids[0]!)?.title).toBe('renamed');
  });

  it('tells, in every tab, when conversations were deleted', async () => {
    const memory = new MemoryRecords();
    const [here, there] = twoTabs(memory);
    const told: string[][] = [];
    for (const [name, tab] of [
      ['here', here],
      ['there', there],
    ] as const)
      tab.onRemoved = () => told.push([name, ...titles(tab)]);
    for (const title of ['one', 'two']) await here.begin(conversation(title, 1));
    await vi.waitFor(() => expect(titles(there)).toHaveLength(2));
    await here.remove(here.summaries.find(({ title }) => title === 'one')!.id);
    await vi.waitFor(() => expect(told).toHaveLength(2));
    expect(told.sort()).toEqual([
      ['here', 'two'],
      ['there', 'two'],
    ]);
    await here.removeAll();
    await vi.waitFor(() => expect(told.slice(2).sort()).toEqual([['here'], ['there']]));
  });
});

describe('imports', () => {
  it('take what is new, leave what is known, and give another with a known id a new one', async () => {
    const { store, memory, ids } = await storeWith('one');
    const known = memory.records.get(ids[0]!)!;
    const other = { ...conversation('other', 9), id: known.id };
    expect(await store.add([known, other, conversation('new', 10)])).toEqual({ added: 2, known: 1 });
    expect(titles(store)).toEqual(['new', 'other', 'one']);
    expect(new Set(memory.records.keys()).size).toBe(3);
    expect(memory.records.get(known.id)).toEqual(known);
  });

  it('take nothing when they cannot be stored', async () => {
    const { store, memory } = await storeWith('one');
    memory.failing = true;
    await expect(store.add([conversation('new', 10)])).rejects.toThrow('full');
    expect(titles(store)).toEqual(['one']);
  });
});
