import { describe, expect, it } from 'vitest';
import { CallReader, parseCalls } from './call-reader.ts';

const TOKEN = 7;
const tokenizer = { tokenId: (text: string) => (text === '<|tool_call|>' ? TOKEN : undefined) };

/** Reads a reply in pieces of `size` characters; `#` stands for the control token. */
function read(reply: string, size: number, whole = true, begun = '') {
  const reader = new CallReader(tokenizer, begun);
  let shown = '';
  for (const piece of reply.match(new RegExp(`#|[^#]{1,${size}}`, 'gs')) ?? [])
    shown += piece === '#' ? reader.push(TOKEN, '') : reader.push(1, piece);
  const { calls, text } = reader.end(whole);
  return { shown: shown + text, calls };
}

const CALL = '{"name": "add", "arguments": {"a": 1}}';
const call = { name: 'add', arguments: { a: 1 } };

describe('a reply with calls', () => {
  it.each<[string, string, unknown[]]>([
    ['Just text, with func and functools inside.', 'Just text, with func and functools inside.', []],
    [`#[${CALL}]`, '', [call]],
    [`Let me see.\n#[${CALL}, ${CALL}]`, 'Let me see.\n', [call, call]],
    [`functools[${CALL}]`, '', [call]],
    [`functools[${CALL}]\nThat is all.`, '', [call]],
    [`Sure!\n\nfunctools[${CALL}]`, 'Sure!\n\n', [call]],
    [`<tool_call>\n${CALL}\n</tool_call>\n<tool_call>\n${CALL}\n</tool_call>`, '', [call, call]],
    ['functools[0] is the first.', 'functools[0] is the first.', []],
    [`<think>functools[ or not</think>\nfunctools[${CALL}]`, '<think>functools[ or not</think>\n', [call]],
    ['<think>only functools[1]</think>\n4', '<think>only functools[1]</think>\n4', []],
    ['ends with functo', 'ends with functo', []],
  ])('%j', (reply, shown, calls) => {
    for (const size of [1, 3, 1_000]) expect(read(reply, size)).toEqual({ shown, calls });
  });

  it.each(['functools[{"name": "ad', '#[{"name": "ad', `#[${CALL}`])(
    'that is cut off in a call shows none of it: %j',
    (reply) => {
      expect(read(`Hm. ${reply}`, 2, false)).toEqual({ shown: 'Hm. ', calls: [] });
    },
  );
});

describe('a thought that is open already', () => {
  it.each(['<think>\n', '<think>Shall I write functools[', 'An answer that went on', ''])('%j', (begun) => {
    const rest = begun.startsWith('<think>') ? `1] or <tool_call></think>\nfunctools[${CALL}]` : `\nfunctools[${CALL}]`;
    for (const size of [1, 3, 1_000])
      expect(read(rest, size, true, begun)).toEqual({
        shown: rest.slice(0, rest.lastIndexOf('functools')),
        calls: [call],
      });
  });
});

describe('parseCalls', () => {
  it.each<[string, unknown]>([
    [CALL, [call]],
    ['[{"type": "function", "function": {"name": "add", "arguments": "{\\"a\\": 1}"}}]', [call]],
    ['[{"name": "add", "parameters": {"a": 1}}]', [call]],
    ['[{"name": "now"}]', [{ name: 'now', arguments: {} }]],
    [
      '[{"name": "say", "arguments": {"text": "<tool_call>hi</tool_call>"}}]',
      [{ name: 'say', arguments: { text: '<tool_call>hi</tool_call>' } }],
    ],
    ['[{"arguments": {}}]', null],
    ['[{"name": "add", "arguments": [1]}]', null],
    ['[]', null],
    ['[{"name": ', null],
    ['', null],
  ])('%j', (written, calls) => expect(parseCalls(written)).toEqual(calls));
});
