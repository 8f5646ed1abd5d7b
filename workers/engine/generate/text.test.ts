import { describe, expect, it } from 'vitest';
import { tinyByteLevel, tinySentencePiece } from '../tokenizer/testing/tiny.ts';
import { createTokenizer } from '../tokenizer/tokenizer.ts';
import { ReplyText, type TextOptions } from './text.ts';

const tokenizer = createTokenizer(tinyByteLevel());

function run(text: string, options?: TextOptions): { text: string; stop: boolean; pieces: string[] } {
  const reply = new ReplyText(tokenizer, options);
  const pieces: string[] = [];
  for (const id of tokenizer.encode(text, { special: true })) {
    const piece = reply.push(id);
    pieces.push(piece.text);
    if (piece.stop) return { text: pieces.join(''), stop: true, pieces };
  }
  pieces.push(reply.end(true).text);
  return { text: pieces.join(''), stop: false, pieces };
}

describe('ReplyText', () => {
  it.each<[string, TextOptions | undefined, string, boolean]>([
    ['', undefined, '', false],
    ['héllo 👩‍🚀 日本', undefined, 'héllo 👩‍🚀 日本', false],
    ['one<|end|>', undefined, 'one', false],
    ['one\n\ntwo', { stop: ['\n\n'] }, 'one', true],
    ['one\ntwo', { stop: ['\n\n'] }, 'one\ntwo', false],
    ['one\n', { stop: ['\n\n'] }, 'one\n', false],
    ['prix: 5 €!', { stop: ['€'] }, 'prix: 5 ', true],
  ])('%j %j', (text, options, shown, stop) => {
    expect(run(text, options)).toMatchObject({ text: shown, stop });
  });

  it('never shows half a character', () => {
    for (const piece of run('é👍🏽🇫🇷\u0301').pieces) expect(piece).not.toContain('\ufffd');
  });

  it('shows what a broken end leaves', () => {
    const reply = new ReplyText(tokenizer, { stop: ['\ufffd'] });
    expect(reply.push(tokenizer.encode('é')[0]!)).toEqual({ text: '', stop: false });
    expect(reply.end(true).text).toBe(''); // the replacement character is the stop string here
    const open = new ReplyText(tokenizer);
    open.push(tokenizer.encode('é')[0]!);
    expect(open.end(true).text).toBe('\ufffd');
  });

  it('keeps the space of a reply that goes on', () => {
    const pieces = createTokenizer({ kind: 'gguf', metadata: tinySentencePiece(['▁', 'a', '▁a']) });
    const [id] = pieces.encode('a');
    expect(new ReplyText(pieces).push(id!).text).toBe('a');
    expect(new ReplyText(pieces, { continues: true }).push(id!).text).toBe(' a');
  });
});
