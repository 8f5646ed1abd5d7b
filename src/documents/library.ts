/** The page's handle on the library, which lives in a worker. */
import type { LibraryApi } from '../../workers/shared/library-types.ts';
import { LazyWorker } from '../../workers/shared/lazy-worker.ts';
import libraryUrl from '../../workers/documents.worker.ts?worker&url';

const worker = new LazyWorker<LibraryApi>({ url: libraryUrl, kind: 'documents', what: 'The worker of the documents' });

export const library: LibraryApi = {
  list: () => worker.call((api) => api.list()),
  add: (document, keep) => worker.call((api) => api.add(document, keep)),
  read: (id) => worker.call((api) => api.read(id)),
  file: (id) => worker.call((api) => api.file(id)),
  rename: (id, name) => worker.call((api) => api.rename(id, name)),
  move: (id, folder) => worker.call((api) => api.move(id, folder)),
  remove: (ids) => worker.call((api) => api.remove(ids)),
  restore: (documents) => worker.call((api) => api.restore(documents)),
  search: (question, ids, most) => worker.call((api) => api.search(question, ids, most)),
};
