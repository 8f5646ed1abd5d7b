import { describe, expect, it } from 'vitest';
import { readTextFile, withAttachment } from './attachment.ts';

const file = (content: BlobPart, name = 'notes.txt') => new File([content], name);

describe('attachments', () => {
  it('are text, with the line ends of here', async () => {
    expect(await readTextFile(file('\ufeffa\r\nb\rü'))).toEqual({ text: 'a\nb\nü' });
  });

  it.each<[string, BlobPart, string]>([
    ['no UTF-8', new Uint8Array([0xff, 0xfe, 0x41]), 'no-text'],
    ['a PDF in plain letters', '%PDF-1.7\n1 0 obj', 'no-text'],
    ['binary', new Uint8Array([0x41, 0]), 'no-text'],
    ['too large', new Uint8Array(600_000).fill(0x41), 'too-large'],
  ])('are refused: %s', async (_, content, refused) => {
    expect(await readTextFile(file(content))).toEqual({ refused });
  });

  it('stand behind the draft in a fence that they cannot close', () => {
    expect(withAttachment('Read this. ', 'a.ts', 'x\n')).toBe('Read this.\n\na.ts:\n```ts\nx\n```\n');
    expect(withAttachment('', 'a.md', '````\nx\n````')).toBe('a.md:\n`````md\n````\nx\n````\n`````\n');
  });
});
