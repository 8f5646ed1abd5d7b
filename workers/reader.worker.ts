/** Entry of the worker that reads one document, or draws its pages. Its policy (headers.ts) lets it reach nothing, and whoever started it may end it at any time. */
import { expose, transfer } from 'comlink';
import { installErrorTransfer } from './shared/comlink-errors.ts';
import type { ReaderApi } from './shared/document-types.ts';
import { holdWorkerLock } from './shared/worker-thread.ts';
import type { PdfPictures } from './documents/reading/pdf-picture.ts';
import { readDocument } from './documents/reading/read.ts';

let pictures: PdfPictures | null = null;

const api: ReaderApi = {
  read: readDocument,
  async openPdf(file, fetchData) {
    const { PdfPictures } = await import('./documents/reading/pdf-picture.ts');
    pictures = new PdfPictures();
    await pictures.open(file, fetchData);
  },
  async drawPage(page, width, mark) {
    if (!pictures) throw new Error('No PDF was opened.');
    const picture = await pictures.draw(page, width, mark);
    return transfer(picture, [picture.image]);
  },
};

holdWorkerLock();
installErrorTransfer();
expose(api);
