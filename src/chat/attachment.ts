/** A text file as a part of a message: what is sent is what is seen, and is counted with the rest. */
import { PhiError } from '../../workers/errors.ts';

/** About a hundred thousand tokens: more than most contexts. */
const MAX_BYTES = 512 * 1024;

/** Throws `bad-request` for what is too large or no text. */
export async function readTextFile(file: File): Promise<string> {
  const refuse = (why: string) => new PhiError('bad-request', `${file.name} cannot be attached: ${why}`);
  if (file.size > MAX_BYTES) throw refuse(`it has ${file.size} bytes; at most ${MAX_BYTES} make sense in a message.`);
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(await file.arrayBuffer());
    if (!text.includes('\0')) return text.replace(/\r\n?/g, '\n');
  } catch (cause) {
    throw cause instanceof TypeError ? refuse('it is not text in UTF-8.') : cause;
  }
  throw refuse('it is not text.');
}

/** The draft with the file behind it, in a fence that nothing in the file can close. */
export function withAttachment(draft: string, name: string, text: string): string {
  const ticks = Math.max(2, ...[...text.matchAll(/`{3,}/g)].map(([run]) => run.length));
  const fence = '`'.repeat(ticks + 1);
  const language = /\.(\w{1,12})$/.exec(name)?.[1] ?? '';
  return `${draft.trimEnd()}${draft.trim() ? '\n\n' : ''}${name}:\n${fence}${language}\n${text.trimEnd()}\n${fence}\n`;
}
