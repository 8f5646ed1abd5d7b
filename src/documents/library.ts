/** The page's handle on the library: its worker starts with the first call, and again after it died. */
import { releaseProxy, wrap, type Remote } from 'comlink';
import { installErrorTransfer } from '../../workers/shared/comlink-errors.ts';
import type { LibraryApi } from '../../workers/shared/library-types.ts';
import { startWorker, unlessDead, type WorkerThread } from '../../workers/shared/worker-thread.ts';
import libraryUrl from '../../workers/documents.worker.ts?worker&url';

interface Living {
  thread: WorkerThread;
  api: Remote<LibraryApi>;
}

class LibraryClient implements LibraryApi {
  #living: Living | null = null;

  list: LibraryApi['list'] = () => this.#call((api) => api.list());
  add: LibraryApi['add'] = (document, keep) => this.#call((api) => api.add(document, keep));
  read: LibraryApi['read'] = (id) => this.#call((api) => api.read(id));
  rename: LibraryApi['rename'] = (id, name) => this.#call((api) => api.rename(id, name));
  move: LibraryApi['move'] = (id, folder) => this.#call((api) => api.move(id, folder));
  remove: LibraryApi['remove'] = (ids) => this.#call((api) => api.remove(ids));
  restore: LibraryApi['restore'] = (documents) => this.#call((api) => api.restore(documents));
  search: LibraryApi['search'] = (question, ids, most) => this.#call((api) => api.search(question, ids, most));

  #call<T>(call: (api: Remote<LibraryApi>) => Promise<T>): Promise<T> {
    const { thread, api } = this.#alive();
    return unlessDead(thread, 'The worker of the documents', call(api));
  }

  #alive(): Living {
    if (this.#living) return this.#living;
    installErrorTransfer();
    const thread = startWorker(libraryUrl, 'documents');
    const living = { thread, api: wrap<LibraryApi>(thread.worker) };
    this.#living = living;
    void thread.died.then(() => {
      if (this.#living === living) this.#living = null;
      living.api[releaseProxy]();
      living.thread.terminate();
    });
    return living;
  }
}

export const library: LibraryApi = new LibraryClient();
