import { PhiError, type ErrorShape } from '../../workers/shared/errors.ts';
import type { DocumentHead, WholeDocument } from '../../workers/shared/library-types.ts';
import { library } from './library.ts';
import { readFile } from './reader.ts';

/** A file that is being read into the library, or could not be. */
interface Reading {
  key: number;
  name: string;
  done: number;
  error: ErrorShape | null;
}

export interface Folder {
  /** Empty: documents in no folder. */
  name: string;
  documents: DocumentHead[];
}

/** The library as its screen shows it. */
export class DocumentList {
  #documents = $state.raw<readonly DocumentHead[] | null>(null);
  #readings = $state.raw<readonly Reading[]>([]);
  #problem = $state.raw<ErrorShape | null>(null);
  #count = 0;

  /** null: not known yet. */
  get documents(): readonly DocumentHead[] | null {
    return this.#documents;
  }

  get readings(): readonly Reading[] {
    return this.#readings;
  }

  /** Why the last action on the library failed. */
  get problem(): ErrorShape | null {
    return this.#problem;
  }

  /** Of the files that are kept. */
  get fileBytes(): number {
    return (this.#documents ?? []).reduce((sum, { bytes, hasFile }) => sum + (hasFile ? bytes : 0), 0);
  }

  /** By name, those without a folder last. */
  get folders(): Folder[] {
    const names = [...new Set(this.#documents?.map(({ folder }) => folder))]; // eslint-disable-line svelte/prefer-svelte-reactivity -- not kept
    const sorted = names.sort((a, b) => Number(a === '') - Number(b === '') || a.localeCompare(b));
    return sorted.map((name) => ({ name, documents: this.#documents!.filter(({ folder }) => folder === name) }));
  }

  async load(): Promise<void> {
    await this.#try(() => Promise.resolve());
  }

  /** Reads files one after another. A file that cannot be read is named with the reason, and the next one is read. */
  async add(files: readonly File[]): Promise<void> {
    const queue = files.map((file) => ({ file, key: ++this.#count }));
    this.#readings = [
      ...this.#readings.filter(({ error }) => error === null),
      ...queue.map(({ file, key }) => ({ key, name: file.name, done: 0, error: null })),
    ];
    for (const { file, key } of queue) {
      const change = (to: Partial<Reading>) => {
        this.#readings = this.#readings.map((one) => (one.key === key ? { ...one, ...to } : one));
      };
      try {
        const read = await readFile(file, (done) => change({ done }));
        await library.add({ name: file.name, bytes: file.size, read, file }, true);
        this.dismiss(key);
        await this.load();
      } catch (cause) {
        change({ error: PhiError.from(cause).toShape() });
      }
    }
  }

  dismiss(key: number): void {
    this.#readings = this.#readings.filter((one) => one.key !== key);
  }

  rename(id: string, name: string): Promise<void> {
    return this.#try(() => library.rename(id, name));
  }

  move(id: string, folder: string): Promise<void> {
    return this.#try(() => library.move(id, folder));
  }

  /** Resolves with what brings it back; null if it could not be removed, which `problem` tells. */
  async remove(id: string): Promise<(() => Promise<void>) | null> {
    const removed: WholeDocument[] = [];
    await this.#try(async () => void removed.push(...(await library.remove([id]))));
    return removed.length > 0 ? () => this.#try(() => library.restore(removed)) : null;
  }

  async #try(act: () => Promise<unknown>): Promise<void> {
    try {
      await act();
      this.#documents = await library.list();
      this.#problem = null;
    } catch (cause) {
      this.#problem = PhiError.from(cause, 'storage').toShape();
    }
  }
}
