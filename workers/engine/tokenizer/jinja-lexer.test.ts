import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { itIf } from '../../testing/it-if.ts';
import { parseJinja } from './jinja.ts';
import { sharedCases } from './testing/shared-cases.ts';

interface Vectors {
  messages: { role: string; content: string }[];
  /** `rendered`: by jinja2 with `trim_blocks` and `lstrip_blocks`; null where it refuses. */
  cases: { template: string; rendered: string | null }[];
}

const RECORDED = join(import.meta.dirname, 'testing/template-vectors.json');
/** More of the same kind, as `npm run test:reference` makes them. */
const FILE = process.env['PHI_TEMPLATE_VECTORS'] ?? RECORDED;

describe('templates are read as jinja2 reads them', () => {
  const { messages, cases } = JSON.parse(readFileSync(FILE, 'utf8')) as Vectors;

  it(`${cases.length} of every kind of line end, sign, escape and number`, () => {
    const wrong = cases.flatMap(({ template, rendered }) => {
      let ours: string | null = null;
      let why = '';
      try {
        ours = parseJinja(template).render({ messages, m: messages[1] });
      } catch (error) {
        why = String(error);
      }
      return ours === rendered ? [] : [{ template, rendered, ours, why }];
    });
    expect(wrong.slice(0, 5)).toEqual([]);
    expect(cases.filter(({ rendered }) => rendered !== null).length).toBeGreaterThan(cases.length / 2);
  });
});

it('the same template with LF and CRLF makes the same prompt', () => {
  const source =
    "{% for m in messages %}\n{% if m.role == 'user' %}\n<|user|>\n{{ m.content }}<|end|>\n{% endif %}\n{% endfor %}\n<|assistant|>\n";
  const messages = [{ role: 'user', content: 'Hi' }];
  const expected = '<|user|>\nHi<|end|>\n<|assistant|>';
  for (const end of ['\n', '\r\n', '\r'])
    expect(parseJinja(source.replaceAll('\n', end)).render({ messages })).toBe(expected);
  // What a message holds is left as it is.
  expect(parseJinja('{{ messages[0].content }}').render({ messages: [{ content: 'a\r\nb\r' }] })).toBe('a\r\nb\r');
});

it('transformers’ marks around a reply leave no trace', () => {
  expect(parseJinja('a\n  {% generation %}\nb{%- endgeneration -%}\n c').render({})).toBe('a\nbc');
});

interface SharedCase {
  template: string;
  messages: { role: string; content: string }[];
  jinja2: string;
}

const shared = sharedCases<SharedCase[]>('templates/line-ends.json');
itIf(shared !== null)('the cases beside the repository', () => {
  for (const { template, messages, jinja2 } of shared!)
    expect(parseJinja(template).render({ messages, add_generation_prompt: true })).toBe(jinja2);
});
