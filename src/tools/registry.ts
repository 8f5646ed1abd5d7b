/** The tools that a chat can be given. One more is one more entry here, with its name and hint in the catalogues (`src/i18n/tools-en.ts`). */
import { calculator } from './calculator.ts';
import { convertUnits } from './convert-units.ts';
import { dateTime } from './date-time.ts';
import { searchDocuments } from './search-documents.ts';
import type { Tool } from './tool.ts';

export const TOOLS: readonly Tool[] = [calculator, dateTime, convertUnits, searchDocuments];

/** Those that are there under these names. A name that a newer version stored is left out. */
export const toolsNamed = (names: readonly string[]): Tool[] => TOOLS.filter(({ name }) => names.includes(name));
