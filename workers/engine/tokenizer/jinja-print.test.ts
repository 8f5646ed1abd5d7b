import { describe, expect, it } from 'vitest';
import { parseJinja } from './jinja.ts';
import vectors from './testing/print-vectors.json' with { type: 'json' };

/** Recorded by scripts/make/print-vectors.py. */
const { messages, cases } = vectors as { messages: object[]; cases: [template: string, jinja2: string][] };

describe('what a template writes', () => {
  it('is what jinja2 writes, whatever the value', () => {
    const wrong = cases.flatMap(([template, jinja2]) => {
      let ours: string;
      try {
        ours = parseJinja(template).render({ messages });
      } catch (error) {
        ours = String(error);
      }
      return ours === jinja2 ? [] : [{ template, jinja2, ours }];
    });
    expect(wrong.slice(0, 10), `${wrong.length} of ${cases.length} differ`).toEqual([]);
  });
});
