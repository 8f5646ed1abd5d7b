import 'fake-indexeddb/auto';
import { describe, expect, it, vi } from 'vitest';
import type { NewDocument } from '../../shared/library-types.ts';
import { PhiError } from '../../shared/errors.ts';
import { Library } from './library.ts';
import { DocumentRecords } from './records.ts';

let count = 0;
const fresh = () => {
  const database = `documents-${++count}`;
  return { library: new Library(new DocumentRecords(database)), database };
};

const made = (name: string, ...texts: string[]): NewDocument => ({
  name,
  bytes: texts.join('').length,
  read: { kind: 'text', unit: 'part', pages: texts.map((text) => ({ text })), gaps: [] },
});

describe('the library', () => {
  it('keeps documents, newest first, and knows the same file again', async () => {
    const { library, database } = fresh();
    const first = await library.add(made('a.txt', 'one', 'two'), true);
    expect(await library.add(made('a.txt', 'one', 'two'), true)).toEqual(first);
    await library.add(made('a.txt', 'one', 'Two'), true);
    const again = new Library(new DocumentRecords(database));
    expect((await again.list()).map(({ name }) => name)).toEqual(['a.txt', 'a.txt']);
    expect(await again.read(first.id)).toEqual({ head: first, pages: [{ text: 'one' }, { text: 'two' }] });
  });

  it('holds a document of a temporary chat in memory only', async () => {
    const { library, database } = fresh();
    const { id } = await library.add(made('secret.txt', 'the whisper'), false);
    expect(await library.list()).toEqual([]);
    expect(await library.search('whisper', [id], 3)).toMatchObject([{ document: id, page: 1, text: 'the whisper' }]);
    expect(await library.search('whisper', null, 3)).toEqual([]);
    expect(await new Library(new DocumentRecords(database)).read(id)).toBeNull();
  });

  it('renames, moves, deletes with the text, and brings back', async () => {
    const { library } = fresh();
    const { id } = await library.add(made('a.txt', 'the lighthouse'), true);
    await library.rename(id, 'b.txt');
    await library.move(id, 'Papers');
    expect(await library.list()).toMatchObject([{ name: 'b.txt', folder: 'Papers' }]);
    const removed = await library.remove([id]);
    expect(await library.read(id)).toBeNull();
    expect(await library.search('lighthouse', [id], 3)).toEqual([]);
    await library.rename(id, 'c.txt');
    expect(await library.list()).toEqual([]);
    await library.restore(removed);
    expect(await library.search('lighthouse', null, 3)).toHaveLength(1);
    expect(await library.list()).toMatchObject([{ name: 'b.txt' }]);
  });

  it('searches the documents that are asked for, also those that another tab added or deleted', async () => {
    const { library, database } = fresh();
    const other = new Library(new DocumentRecords(database));
    const a = await library.add(made('a', 'red apple'), true);
    const b = await other.add(made('b', 'green apple'), true);
    const documents = async (ids: string[] | null) =>
      (await library.search('apple', ids, 9)).map(({ document }) => document).sort();
    expect(await documents(null)).toEqual([a.id, b.id].sort());
    expect(await documents([b.id])).toEqual([b.id]);
    await other.remove([a.id]);
    expect(await documents([a.id, b.id])).toEqual([b.id]);
  });

  describe('the file of a PDF', () => {
    const FILE = new Blob(['%PDF']);
    const pdf = (file?: Blob): NewDocument => ({
      ...made('a.pdf', 'one'),
      read: { kind: 'pdf', unit: 'page', pages: [{ text: 'one' }], gaps: [] },
      ...(file && { file }),
    });
    const textOf = async (file: Blob | null) => file && file.text();

    it('is kept, goes with it and comes back with it', async () => {
      const { library } = fresh();
      const { id, hasFile } = await library.add(pdf(FILE), true);
      expect([hasFile, await textOf(await library.file(id))]).toEqual([true, '%PDF']);
      const removed = await library.remove([id]);
      expect(await library.file(id)).toBeNull();
      await library.restore(removed);
      expect(await textOf(await library.file(id))).toBe('%PDF');
      expect(await library.list()).toMatchObject([{ hasFile: true }]);
    });

    it('is added to a document that was kept without it, and is in memory only for a temporary chat', async () => {
      const { library } = fresh();
      const { id, hasFile } = await library.add(pdf(), true);
      expect([hasFile, await library.file(id)]).toEqual([false, null]);
      expect(await library.add(pdf(FILE), true)).toMatchObject({ id, hasFile: true });
      expect(await textOf(await library.file(id))).toBe('%PDF');
      const other = fresh().library;
      const temporary = await other.add(pdf(FILE), false);
      expect(await textOf(await other.file(temporary.id))).toBe('%PDF');
      expect(await other.list()).toEqual([]);
      const text = await library.add({ ...made('a.txt', 'x'), file: FILE }, true);
      expect(await library.file(text.id)).toBeNull();
    });

    it('is left out where there is no room for it', async () => {
      const records = new DocumentRecords(`documents-${++count}`);
      const write = vi.spyOn(records, 'write');
      write.mockRejectedValueOnce(new PhiError('quota', 'No room.'));
      const library = new Library(records);
      const { id, hasFile } = await library.add(pdf(FILE), true);
      expect([hasFile, await library.file(id)]).toEqual([false, null]);
      expect(await library.read(id)).toMatchObject({ pages: [{ text: 'one' }] });
      write.mockRejectedValueOnce(new PhiError('storage', 'Broken.'));
      await expect(library.add({ ...pdf(FILE), name: 'b.pdf' }, true)).rejects.toThrow('Broken.');
    });
  });

  it('leaves a damaged record out of the list', async () => {
    const { library, database } = fresh();
    const records = new DocumentRecords(database);
    const { id } = await library.add(made('a', 'x'), true);
    const document = (await records.read(id))!;
    await records.write([{ ...document, head: { ...document.head, id: 'bad', bytes: -1 }, file: null }]);
    expect(await library.list()).toHaveLength(1);
    expect(await library.read('bad')).toBeNull();
  });
});
