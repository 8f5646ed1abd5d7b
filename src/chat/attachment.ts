/** A text file as a part of a message. The person sees exactly what is sent, and its tokens count with the rest. */
/** About a hundred thousand tokens: more than most contexts. */
export const MAX_ATTACHED_BYTES = 512 * 1024;

/** The text of a file, or the reason why it cannot be attached. */
export async function readTextFile(file: File): Promise<{ text: string } | { refused: 'too-large' | 'no-text' }> {
  if (file.size > MAX_ATTACHED_BYTES) return { refused: 'too-large' };
  const bytes = await file.arrayBuffer();
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    return text.includes('\0') ? { refused: 'no-text' } : { text: text.replace(/\r\n?/g, '\n') };
  } catch {
    return { refused: 'no-text' }; // Not UTF-8.
  }
}

/** The draft with the file behind it, in a fence that nothing in the file can close. */
export function withAttachment(draft: string, name: string, text: string): string {
  const ticks = Math.max(2, ...[...text.matchAll(/`{3,}/g)].map(([run]) => run.length));
  const fence = '`'.repeat(ticks + 1);
  const language = /\.(\w{1,12})$/.exec(name)?.[1] ?? '';
  return `${draft.trimEnd()}${draft.trim() ? '\n\n' : ''}${name}:\n${fence}${language}\n${text.trimEnd()}\n${fence}\n`;
}
