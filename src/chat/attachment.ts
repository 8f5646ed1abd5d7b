/** A short text file as a part of a message: the person sees exactly what is sent, and its tokens count with the rest. Any other file is a document. */
import { fenced } from './fence.ts';

/** About two thousand tokens: what a person may want to look through in the box. */
const MAX_INLINE_BYTES = 8 * 1024;
/** Where a PDF has its header, in characters. */
const PDF_HEADER = 1_024;
/** Read for its text, without its marks. */
const HTML = /\.x?html?$/i;

/** The text of a file, or the reason why it does not go into the box. */
export async function readTextFile(file: File): Promise<{ text: string } | { refused: 'too-large' | 'no-text' }> {
  if (file.size > MAX_INLINE_BYTES) return { refused: 'too-large' };
  if (HTML.test(file.name)) return { refused: 'no-text' };
  const bytes = await file.arrayBuffer();
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    // A PDF may be written in plain letters.
    const isText = !text.includes('\0') && !text.slice(0, PDF_HEADER).includes('%PDF-');
    return isText ? { text: text.replace(/\r\n?/g, '\n') } : { refused: 'no-text' };
  } catch {
    return { refused: 'no-text' }; // Not UTF-8.
  }
}

/** The draft with the file behind it, in a fence that nothing in the file can close. */
export function withAttachment(draft: string, name: string, text: string): string {
  const language = /\.(\w{1,12})$/.exec(name)?.[1] ?? '';
  return `${draft.trimEnd()}${draft.trim() ? '\n\n' : ''}${name}:\n${fenced(text.trimEnd(), language)}\n`;
}
