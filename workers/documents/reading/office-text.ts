/** Text of DOCX and PPTX parts: paragraphs by line, the cells of a row on one line with tabs between them. */
import { parseXml } from './xml.ts';

/**
 * @param special text that an element stands for, null for one whose content is hidden, undefined for any other
 */
export function officeText(
  name: string,
  part: string,
  bytes: Uint8Array | undefined,
  special: (element: string, attributes: Record<string, string>) => string | null | undefined,
): string {
  const out: string[] = [];
  let inText = false;
  /** Depth inside the element that hides its content. */
  let hidden = 0;
  parseXml(name, part, bytes, {
    open(element, attributes) {
      // AlternateContent has the same text twice: for readers that know a feature, and as a fallback for the others.
      const text = element === 'Fallback' ? null : special(element, attributes);
      if (hidden > 0 || text === null) hidden++;
      else if (text !== undefined) out.push(text);
      else if (element === 't') inText = true;
    },
    text(text) {
      if (inText && hidden === 0) out.push(text);
    },
    close(element) {
      if (hidden > 0) hidden--;
      else if (element === 't') inText = false;
      // A paragraph ends inside its cell; the cells of a row belong on one line.
      else if (element === 'tc') out[out.at(-1) === '\n' ? out.length - 1 : out.length] = '\t';
      else if (element === 'p' || element === 'tr') out.push('\n');
    },
  });
  return out.join('');
}
