import { nameOfFolder } from '../../workers/shared/model-name.ts';

/** Files as a person gives them: chosen, a folder, or dropped. */
export interface GivenFile {
  /** Relative to what was given, forward slashes. */
  path: string;
  file: File;
}

/** `.git`, `.DS_Store` and other things that belong to tools. The folder that was chosen may be hidden itself, as Ollama's is. */
const isHidden = (path: string) =>
  path.split('/').some((part, i, all) => part.startsWith('.') && (i > 0 || all.length === 1));

export function filesOfInput(list: FileList | null): GivenFile[] {
  return [...(list ?? [])]
    .map((file) => ({ path: file.webkitRelativePath || file.name, file }))
    .filter(({ path }) => !isHidden(path));
}

/** Everything in a drop, folders walked. Must be called while the event is dispatched: the browser empties the list afterwards. */
export async function filesOfDrop(transfer: DataTransfer): Promise<GivenFile[]> {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry()).filter((entry) => entry !== null);
  const files = (await Promise.all(entries.map((entry) => walk(entry)))).flat();
  return files.filter(({ path }) => !isHidden(path));
}

async function walk(entry: FileSystemEntry): Promise<GivenFile[]> {
  const path = entry.fullPath.replace(/^\//, '');
  if (isFile(entry)) return [{ path, file: await new Promise<File>((resolve, reject) => entry.file(resolve, reject)) }];
  const reader = (entry as FileSystemDirectoryEntry).createReader();
  const files: GivenFile[] = [];
  // A reader gives a hundred entries at a time, and nothing at the end.
  for (;;) {
    const batch = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
    if (batch.length === 0) return files;
    for (const inner of batch) files.push(...(await walk(inner)));
  }
}

function isFile(entry: FileSystemEntry): entry is FileSystemFileEntry {
  return entry.isFile;
}

/** The files of one model out of those given, in a folder of the name by which it is called. */
export function membersOf(files: readonly GivenFile[], paths: readonly string[], root: string): GivenFile[] {
  const [folder = ''] = root.split('/').slice(-2);
  const named = folder && `${nameOfFolder(root) ?? folder}/`;
  return files
    .filter(({ path }) => paths.includes(path))
    .map(({ path, file }) => ({ path: named + path.slice(root.length), file }));
}
