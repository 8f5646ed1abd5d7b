import { expose } from 'comlink';
import { afterEach, expect, it, vi } from 'vitest';
import { installErrorTransfer } from '../../workers/shared/comlink-errors.ts';
import type { PagePicture, ReaderApi, ReadDocument } from '../../workers/shared/document-types.ts';
import { PhiError } from '../../workers/shared/errors.ts';
import { PdfDrawing, readFile } from './reader.ts';

const DOCUMENT: ReadDocument = { kind: 'text', unit: 'part', pages: [{ text: 'x' }], gaps: [] };
const FILE = new File(['x'], 'a.pdf');

/** A thread whose reader does what `read` says. */
function thread(read: ReaderApi['read']) {
  installErrorTransfer();
  const { port1, port2 } = new MessageChannel();
  expose({ read } satisfies Pick<ReaderApi, 'read'>, port2);
  let die: (why: string) => void = () => undefined;
  const died = new Promise<string>((resolve) => (die = resolve));
  const terminate = vi.fn(() => port2.close());
  return { start: () => ({ worker: port1, died, terminate }), die: (why: string) => die(why), terminate };
}

const never = new Promise<never>(() => undefined);

afterEach(() => vi.useRealTimers());

it('reads a file, counts its pages, and ends the worker', async () => {
  const { start, terminate } = thread(async (_file, _maps, onPage) => {
    await Promise.resolve(onPage(1)); // From a worker it is answered later.
    return DOCUMENT;
  });
  const pages: number[] = [];
  expect(await readFile(FILE, (done) => pages.push(done), start)).toEqual(DOCUMENT);
  expect(pages).toEqual([1]);
  expect(terminate).toHaveBeenCalledOnce();
});

it('says why a file cannot be read, with its code', async () => {
  const { start, terminate } = thread(() => Promise.reject(new PhiError('bad-document', 'a.pdf: It is damaged.')));
  await expect(readFile(FILE, undefined, start)).rejects.toMatchObject({
    code: 'bad-document',
    message: 'a.pdf: It is damaged.',
  });
  expect(terminate).toHaveBeenCalledOnce();
});

it('gives a file up whose page takes longer than 30 seconds, and ends the worker', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
  let begin: () => void;
  const started = new Promise<void>((resolve) => (begin = resolve));
  const { start, terminate } = thread(async (_file, _maps, onPage) => {
    await Promise.resolve(onPage(1)); // From a worker it is answered later.
    begin();
    return never;
  });
  const read = readFile(FILE, undefined, start);
  await started;
  vi.advanceTimersByTime(29_000);
  expect(terminate).not.toHaveBeenCalled();
  vi.advanceTimersByTime(2_000);
  await expect(read).rejects.toMatchObject({
    code: 'bad-document',
    message: expect.stringMatching(/^a\.pdf: .*page 2 took longer than 30 seconds/) as string,
  });
  expect(terminate).toHaveBeenCalledOnce();
});

it('says that its worker died', async () => {
  const { start, die, terminate } = thread(() => never);
  const read = readFile(FILE, undefined, start);
  die('the browser ended it');
  await expect(read).rejects.toMatchObject({
    code: 'worker-died',
    message: 'The worker that reads a.pdf ended: the browser ended it.',
  });
  expect(terminate).toHaveBeenCalledOnce();
});

it('draws pages one after another in one worker, and in another one after a page that failed', async () => {
  const drawn: number[] = [];
  const threads = Array.from({ length: 2 }, () => {
    const { port1, port2 } = new MessageChannel();
    const api: Pick<ReaderApi, 'openPdf' | 'drawPage'> = {
      openPdf: (file) => (file.size === 1 ? Promise.resolve() : Promise.reject(new Error('no file'))),
      drawPage: (page) => {
        if (page === 3) throw new PhiError('internal', 'It is damaged.');
        drawn.push(page);
        return Promise.resolve({ top: page / 10 } as PagePicture);
      },
    };
    installErrorTransfer();
    expose(api, port2);
    return { worker: port1, died: never, terminate: vi.fn(() => port2.close()) };
  });
  let started = 0;
  const drawing = new PdfDrawing(FILE, () => threads[started++]!);
  const pages = [1, 2, 3, 4].map((page) => drawing.draw(page, 100, null));
  expect((await Promise.allSettled(pages)).map(({ status }) => status)).toEqual([
    'fulfilled',
    'fulfilled',
    'rejected',
    'fulfilled',
  ]);
  await expect(pages[2]).rejects.toThrow('It is damaged.');
  expect([drawn, started]).toEqual([[1, 2, 4], 2]);
  drawing.end();
  for (const { terminate } of threads) expect(terminate).toHaveBeenCalledOnce();
});
