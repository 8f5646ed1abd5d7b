/** Constructs of chat templates as jinja2 renders them; recorded by scripts/make/construct-vectors.py. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { PhiError } from '../../shared/errors.ts';
import { parseJinja } from './jinja.ts';

interface Recorded {
  context: Record<string, unknown>;
  cases: { source: string; rendered: string | null }[];
}

const RECORDED = join(import.meta.dirname, 'testing/construct-vectors.json');
const { context, cases } = JSON.parse(
  readFileSync(process.env['PHI_CONSTRUCT_VECTORS'] ?? RECORDED, 'utf8'),
) as Recorded;
const rendered = cases.filter((one): one is { source: string; rendered: string } => one.rendered !== null);

describe('constructs of templates', () => {
  it.each(rendered)('are rendered as jinja2 renders them: $source', ({ source, rendered: expected }) => {
    expect(parseJinja(source).render(context)).toBe(expected);
  });

  const REFUSED = [
    '{{ n | nofilter }}',
    '{{ n is notest }}',
    "{% include 'x' %}",
    "{% extends 'x' %}",
    '{% do xs.append(4) %}',
    '{{ xs.append(4) }}',
    '{% for a, b in [(1, 2, 3)] %}{{ a }}{% endfor %}',
    '{% for x in nil %}{% endfor %}',
    "{{ s.index('zz') }}",
    '{{ 1 / 0 }}',
    '{{ n < s }}',
    "{{ '%d' % s }}",
    "{{ '{:q}'.format(n) }}",
    '{% for x in xs %}{{ loop(x) }}{% endfor %}',
  ];
  it.each(REFUSED)('are refused: %s', (source) => {
    expect(() => parseJinja(source).render(context)).toThrow(PhiError);
  });
});
