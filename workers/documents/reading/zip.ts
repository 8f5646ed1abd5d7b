/** Zip archives (Office files, EPUB), by fflate, with bounds on what is unpacked. */
import { unzipSync, type UnzipFileInfo } from 'fflate';
import { PhiError } from '../../shared/errors.ts';
import { ARCHIVE_ENTRIES, badDocument, megabytes, UNPACKED_BYTES } from './limits.ts';

/**
 * The entries whose names match, unpacked. Each array has a size that the archive's directory claims, so a bomb costs no more memory than the
 * limit. Throws `bad-document` beyond the limits, and for a damaged archive.
 */
export function unzip(name: string, bytes: Uint8Array, wanted: Pick<RegExp, 'test'>): Map<string, Uint8Array> {
  let entries = 0;
  let unpacked = 0;
  const filter = (file: UnzipFileInfo): boolean => {
    if (++entries > ARCHIVE_ENTRIES)
      throw badDocument(name, `The archive has more than ${ARCHIVE_ENTRIES} entries, which no document needs.`);
    if (!wanted.test(file.name)) return false;
    // What is stored without compression is copied as it lies there, and entries may lie over each other.
    unpacked += Math.max(file.originalSize, file.size);
    if (unpacked > UNPACKED_BYTES)
      throw badDocument(
        name,
        `Its text unpacks to more than ${megabytes(UNPACKED_BYTES)}, so it was not opened. It may be a zip bomb.`,
      );
    return true;
  };
  try {
    return new Map(Object.entries(unzipSync(bytes, { filter })));
  } catch (cause) {
    if (cause instanceof PhiError) throw cause;
    const why = cause instanceof Error ? cause.message : String(cause);
    throw badDocument(name, `The file is damaged: its zip archive cannot be unpacked (${why}).`, { cause });
  }
}

/** Names of all entries, nothing unpacked. Throws `bad-document` as `unzip` does. */
export function namesIn(name: string, bytes: Uint8Array): string[] {
  const names: string[] = [];
  unzip(name, bytes, { test: (entry: string) => names.push(entry) === 0 });
  return names;
}
