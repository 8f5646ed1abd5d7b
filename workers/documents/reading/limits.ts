/** Bounds of what a file may cost. Beyond them it is refused, or its end is left out and named as a gap. */
import { PhiError } from '../../shared/errors.ts';

/** Of the file itself. */
export const FILE_BYTES = 128 << 20;
/** Of everything that is unpacked from one archive. A part that claims a smaller size than it has is cut at that size. */
export const UNPACKED_BYTES = 256 << 20;
/** Of one array. A stream of a PDF that grows beyond it is a bomb. */
export const ARRAY_BYTES = 256 << 20;
export const ARCHIVE_ENTRIES = 20_000;
export const PAGES = 5_000;
/** Of all pages together: about two million tokens. */
export const TEXT_CHARACTERS = 8_000_000;
export const XML_DEPTH = 256;
/** Pages of people are a hundred elements deep. Each further level costs the parser a copy of all others. */
export const HTML_DEPTH = 10_000;
/** Of an end tag the parser looks for its element among all that are open. A million tags in a page of people cost a tenth of this. */
export const HTML_LOOKS = 1_000_000_000;
/** Of a page of a PDF, which is then named as one that cannot be read. Pages of people take milliseconds. */
export const PAGE_MS = 10_000;
/** Of a whole file. What was read until then stays. */
export const READING_MS = 10 * 60_000;
/** Of a page that is drawn. */
export const PICTURE_PIXELS = 8_000_000;
export const SHEET_CELLS = 2_000_000;

const MB = 1 << 20;
export const megabytes = (bytes: number): string => `${Math.round(bytes / MB)} MB`;

/** The file breaks its format, or is of a kind that is not read. `why` is a sentence. */
export const badDocument = (name: string, why: string, options?: ErrorOptions): PhiError =>
  new PhiError('bad-document', `${name}: ${why}`, undefined, options);
