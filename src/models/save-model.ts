/** A stored model as files on the disk again. */
import type { StoredModel } from '../../workers/shared/protocol.ts';
import { streamOf } from '../../workers/shared/blob-stream.ts';
import { saveFile } from '../ui/save-file.ts';

/** The File System Access API, where the browser has it; TypeScript's library does not know its pickers. */
interface Pickers {
  showDirectoryPicker?(options: { mode: 'readwrite' }): Promise<FileSystemDirectoryHandle>;
  showSaveFilePicker?(options: { suggestedName: string }): Promise<FileSystemFileHandle>;
}

/** Browsers ask before a page saves several files, and lose some that come too fast. */
const BETWEEN_DOWNLOADS_MS = 700;

const nameOf = (path: string) => path.slice(path.lastIndexOf('/') + 1);

async function fileIn(folder: FileSystemDirectoryHandle, path: string): Promise<FileSystemFileHandle> {
  const parts = path.split('/');
  let at = folder;
  for (const part of parts.slice(0, -1)) at = await at.getDirectoryHandle(part, { create: true });
  return at.getFileHandle(parts.at(-1)!, { create: true });
}

async function write(handle: FileSystemFileHandle, blob: Blob): Promise<void> {
  // A failed pipe aborts the writable, and the file on the disk stays as it was.
  await streamOf(blob).pipeTo(await handle.createWritable());
}

/**
 * Saves every file: streamed to a place that the person chooses, or, where the browser has no pickers, one download after another.
 * @param read a file of the model, checked
 * @param onFile before each file: how many are done
 * Resolves with false when the person closed the picker.
 */
export async function saveModel(
  model: StoredModel,
  read: (path: string) => Promise<Blob>,
  onFile: (done: number, of: number) => void,
): Promise<boolean> {
  const pickers = window as Pickers;
  const [only, ...more] = model.files;
  try {
    if (only && more.length === 0 && pickers.showSaveFilePicker) {
      const handle = await pickers.showSaveFilePicker({ suggestedName: nameOf(only.path) });
      onFile(0, 1);
      await write(handle, await read(only.path));
      return true;
    }
    const chosen = await pickers.showDirectoryPicker?.({ mode: 'readwrite' });
    const folder = await chosen?.getDirectoryHandle(model.id, { create: true });
    for (const [i, { path }] of model.files.entries()) {
      onFile(i, model.files.length);
      const blob = await read(path);
      if (folder) await write(await fileIn(folder, path), blob);
      else {
        saveFile(nameOf(path), blob);
        await new Promise((resolve) => setTimeout(resolve, BETWEEN_DOWNLOADS_MS));
      }
    }
    return true;
  } catch (cause) {
    if (cause instanceof DOMException && cause.name === 'AbortError') return false;
    throw cause;
  }
}
