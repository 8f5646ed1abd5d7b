import { Ajv2020 } from 'ajv/dist/2020.js';
import { beforeAll, describe, expect, it } from 'vitest';
import { referenceJson } from '../../testing/references.ts';
import { createTokenizer } from '../tokenizer/tokenizer.ts';
import { schemaExpr } from './json-schema.ts';
import { compileProgram } from './program.ts';
import { acceptsText, automatonOf, matcherOf, writeByChance } from './testing/forms.ts';
import { randomSchema } from './testing/random-schemas.ts';
import { buildVocabulary, type Vocabulary } from './vocabulary.ts';

const accepts = (schema: unknown, text: string): boolean => acceptsText(automatonOf({ kind: 'json', schema }), text);
const refusal = (schema: unknown): string => {
  try {
    compileProgram(schemaExpr(schema));
  } catch (error) {
    expect(error).toMatchObject({ code: 'bad-request' });
    return (error as Error).message;
  }
  return '';
};

/** Schema, a text that is right, texts that are not. */
const CASES: [schema: unknown, right: string[], wrong: string[]][] = [
  [
    { type: 'string', minLength: 2, maxLength: 3 },
    ['"ab"', '"日本語"', '"\\n\\""', '"👍👍"'],
    ['"a"', '"abcd"', '"ab', 'ab', '"a\nb"'],
  ],
  [{ type: 'string', pattern: '^a+b', maxLength: 4 }, ['"aab"', '"abcd"'], ['"b"', '"aaaab"', '"abcde"']],
  [{ type: 'string', format: 'date' }, ['"2024-02-28"'], ['"2024-02-30"', '"2024-13-01"']],
  [
    { type: 'integer', minimum: -5, exclusiveMaximum: 120 },
    ['-5', '0', '119', '99'],
    ['-6', '120', '1000', '007', '1.0', '-0'],
  ],
  [{ type: 'integer', multipleOf: 7, minimum: 10 }, ['14', '700'], ['7', '15']],
  [
    { type: 'number', exclusiveMinimum: 0.5, maximum: 2 },
    ['0.51', '1', '1.999', '2', '2.0'],
    ['0.5', '0.50', '2.01', '-1', '.6'],
  ],
  [{ type: 'number', minimum: -1.25, maximum: -0.5 }, ['-1', '-0.5', '-1.25'], ['0', '-0.49', '-1.3']],
  [{ type: 'number', multipleOf: 0.01, minimum: 0, maximum: 1 }, ['0.25', '1'], ['0.255', '1.01']],
  [{ type: 'number' }, ['-1.5e10', '0', '12.25', '-0'], ['01', '1.', '+1', 'NaN']],
  [{ enum: ['a', 1, null, { k: [1] }] }, ['"a"', '1', 'null', '{"k": [1]}'], ['"b"', '{"k": []}']],
  [{ type: 'string', enum: ['a', 'bb', 3], minLength: 2 }, ['"bb"'], ['"a"', '3']],
  [{ type: ['string', 'null'], maxLength: 1 }, ['null', '""'], ['"ab"', '1']],
  [
    { type: 'object', properties: { a: { type: 'integer' }, b: { type: 'null' } }, required: ['b'] },
    ['{"a": 1, "b": null}', '{"b": null}'],
    ['{"a": 1}', '{"b": null, "a": 1}', '{"b": null, "c": 1}', '{}'],
  ],
  [
    { type: 'object', properties: { a: { type: 'integer' } }, additionalProperties: { type: 'boolean' } },
    ['{"a": 1, "x": true}', '{"x": true}', '{}'],
    ['{"x": 1}', '{"x": true, "a": true}', '{"a": 1, "a": true}'],
  ],
  [
    { type: 'object', patternProperties: { '^n': { type: 'integer' } } },
    ['{"n1": 1}', '{}'],
    ['{"n1": "x"}', '{"x": 1}'],
  ],
  [{ type: 'object', propertyNames: { maxLength: 2 }, minProperties: 1 }, ['{"ab": 1}'], ['{}', '{"abc": 1}']],
  [
    { properties: { a: true, b: true, c: true }, minProperties: 2, maxProperties: 2 },
    ['{"a": 1, "c": 1}'],
    ['{"a": 1}', '{"a": 1, "b": 1, "c": 1}'],
  ],
  [
    { type: 'array', items: { type: 'integer' }, minItems: 1, maxItems: 2 },
    ['[1]', '[1, 2]'],
    ['[]', '[1, 2, 3]', '[1,2]'],
  ],
  [
    { prefixItems: [{ type: 'integer' }, { type: 'null' }], items: false, minItems: 1 },
    ['[1]', '[1, null]'],
    ['[]', '[1, null, 2]', '[null]'],
  ],
  [{ allOf: [{ type: 'integer', minimum: 3 }, { maximum: 5 }] }, ['3', '5'], ['2', '6']],
  [
    { allOf: [{ properties: { a: { minimum: 2 } } }, { properties: { a: { type: 'integer' } }, required: ['a'] }] },
    ['{"a": 2}'],
    ['{"a": 1}', '{}'],
  ],
  [{ anyOf: [{ type: 'integer' }, { type: 'string', maxLength: 1 }] }, ['1', '"a"'], ['"ab"', 'null']],
  [{ oneOf: [{ type: 'integer' }, { type: 'string' }] }, ['1', '"a"'], ['null']],
  [
    {
      $ref: '#/$defs/tree',
      $defs: {
        tree: {
          type: 'object',
          properties: { v: { type: 'integer' }, c: { type: 'array', items: { $ref: '#/$defs/tree' } } },
          required: ['v'],
        },
      },
    },
    ['{"v": 1}', '{"v": 1, "c": [{"v": 2, "c": []}]}'],
    ['{"v": 1, "c": [{}]}'],
  ],
  [
    { type: 'object', properties: { a: { type: 'integer', nullable: true } }, required: ['a'], nullable: false },
    ['{"a": null}', '{"a": 1}'],
    ['null'],
  ],
  [
    { type: 'string', format: 'ipv6' },
    ['"::1"', '"2001:db8::1"', '"1:2:3:4:5:6:7:8"'],
    ['"1::2::3"', '"1:2:3:4:5:6:7:8:9"', '"g::1"'],
  ],
  [{ type: 'string', format: 'duration' }, ['"P1DT2H"', '"PT5M"', '"P3W"'], ['"P"', '"PT"', '"1D"', '"P1H"']],
  [{ type: 'integer', format: 'int32' }, ['2147483647', '-2147483648'], ['2147483648', '1.5']],
  [{ type: ['number', 'null'], format: 'double' }, ['1.5', 'null'], ['"a"']],
  [{ type: 'integer', format: 'uint8', minimum: 3 }, ['3', '255'], ['2', '256']],
  // A format of somebody's own, which a pattern describes: as Zod writes them.
  [{ type: 'string', format: 'cuid', pattern: '^[cC][^\\s-]{8,}$' }, ['"c12345678"'], ['"x12345678"']],
  [{ type: 'string', format: 'password', writeOnly: true }, ['"a b"'], ['1']],
  // Pydantic's union with a discriminator.
  [
    {
      discriminator: { propertyName: 'kind', mapping: { a: '#/$defs/A' } },
      oneOf: [{ $ref: '#/$defs/A' }, { $ref: '#/$defs/B' }],
      $defs: {
        A: { type: 'object', title: 'A', properties: { kind: { const: 'a', default: 'a' } }, required: ['kind'] },
        B: {
          type: 'object',
          properties: { kind: { const: 'b' }, n: { anyOf: [{ type: 'integer' }, { type: 'null' }], default: null } },
          required: ['kind'],
          additionalProperties: false,
        },
      },
    },
    ['{"kind": "a"}', '{"kind": "b", "n": null}'],
    ['{"kind": "c"}'],
  ],
  [{ type: 'boolean', description: 'ignored', 'x-order': 1 }, ['true'], ['null']],
  [true, ['{"a": [1, "x", {}]}', 'null', '[]'], ['', 'x']],
];

describe('schemaExpr', () => {
  it.each(CASES)('%j', (schema, right, wrong) => {
    const automaton = automatonOf({ kind: 'json', schema });
    const ajv = new Ajv2020({ strict: false, validateFormats: false }).compile(schema as object);
    for (const text of right) {
      expect(acceptsText(automaton, text), text).toBe(true);
      expect(ajv(JSON.parse(text)), text).toBe(true);
    }
    for (const text of wrong) expect(acceptsText(automaton, text), text).toBe(false);
  });

  it.each<[string, unknown]>([
    ['"uniqueItems" at #/properties/tags', { properties: { tags: { type: 'array', uniqueItems: true } } }],
    ['"not" at #', { not: { type: 'string' } }],
    ['"contains" at #', { type: 'array', contains: { const: 1 } }],
    ['"if" at #/items', { items: { if: true } }],
    ['"dependentRequired" at #', { dependentRequired: { a: ['b'] } }],
    ['"maxlength" at #', { type: 'string', maxlength: 3 }],
    ['"format": "regex"', { type: 'string', format: 'regex' }],
    ['"multipleOf": 0.3', { type: 'number', multipleOf: 0.3 }],
    ['"$ref": "other.json"', { $ref: 'other.json' }],
    ['"$ref": "#/$defs/a"', { $ref: '#/$defs/a' }],
    ['refers to itself', { $ref: '#' }],
    [
      'choices 1 and 2 may both match',
      {
        oneOf: [
          { type: 'integer', minimum: 1 },
          { type: 'integer', maximum: 5 },
        ],
      },
    ],
    ['"minProperties": 3', { type: 'object', properties: { a: true }, minProperties: 3 }],
    ['looking ahead', { type: 'string', pattern: 'a(?=b)' }],
    ['"format": "int32"', { type: 'string', format: 'int32' }],
    ['"nullable" at # is string', { type: 'string', nullable: 'yes' }],
    ['the back reference', { type: 'string', pattern: '(a)\\1' }],
    ['"\\\\b" is not supported'.replaceAll('\\\\', '\\'), { type: 'string', pattern: '\\bword' }],
    ['no number keeps to the bounds', { type: 'integer', minimum: 5, maximum: 4 }],
    ['no text can satisfy it', { type: 'string', minLength: 3, maxLength: 2 }],
    ['no text can satisfy it', { type: 'object', properties: { a: false }, required: ['a'] }],
    ['"minLength" at # is string', { type: 'string', minLength: '3' }],
    ['the schema at # is null', null],
  ])('refuses %s', (message, schema) => expect(refusal(schema)).toContain(message));

  it('keeps a keyword beside another that says the same or more', () => {
    expect(accepts({ type: 'string', pattern: '^a', minLength: 3, maxLength: 3, format: 'hostname' }, '"a.b"')).toBe(
      true,
    );
    expect(accepts({ type: 'string', pattern: '^a', minLength: 3, maxLength: 3, format: 'hostname' }, '"aa"')).toBe(
      false,
    );
    expect(accepts({ $ref: '#/$defs/n', maximum: 3, $defs: { n: { type: 'integer' } } }, '4')).toBe(false);
  });
});

describe('hostile schemas', () => {
  const nest = (depth: number, inner: unknown, wrap: (inner: unknown) => unknown): unknown =>
    Array.from({ length: depth }).reduce(wrap, inner);
  /** Each level in the two ways of the one below: 2^30 readings of a text that goes down to the last. */
  const doubled = Object.fromEntries(
    Array.from({ length: 30 }, (_, i) => {
      const items = { $ref: `#/$defs/r${i + 1}` };
      return [
        `r${i}`,
        {
          anyOf: [
            { type: 'array', items, maxItems: 2 },
            { type: 'array', items, maxItems: 3 },
          ],
        },
      ];
    }),
  );

  it.each<[string, unknown]>([
    [
      'alternatives by the power of two',
      nest(30, { type: 'null' }, (inner) => ({ anyOf: [{ items: inner }, { items: inner, minItems: 1 }] })),
    ],
    ['the same, by reference', { $ref: '#/$defs/r0', $defs: { ...doubled, r30: { type: 'null' } } }],
    [
      'anyOf beside anyOf',
      { allOf: Array.from({ length: 12 }, (_, i) => ({ anyOf: [{ minimum: i }, { maximum: -i }] })) },
    ],
    ['depth', nest(5_000, true, (items) => ({ items }))],
    ['breadth', { properties: Object.fromEntries(Array.from({ length: 30_000 }, (_, i) => [`p${i}`, true])) }],
    ['a huge count', { type: 'array', items: { type: 'null' }, minItems: 1e9 }],
    ['a huge length beside a pattern', { type: 'string', pattern: '^(a|b|c){0,300}$', minLength: 50_000 }],
    ['a pattern by the power of two', { type: 'string', pattern: '^(a|b)*a(a|b){30}$' }],
    ['a repeated repetition', { type: 'string', pattern: '^(((a{1,100}){1,100}){1,100}){1,100}$' }],
    [
      'many patterns at once',
      { type: 'string', allOf: Array.from({ length: 30 }, (_, i) => ({ pattern: `x.{${i}}y` })) },
    ],
    ['a reference to itself through allOf', { allOf: [{ $ref: '#' }] }],
  ])('%s: refused, or bounded in time', (_, schema) => {
    const before = process.cpuUsage().user;
    const message = refusal(schema);
    if (message === '') {
      const automaton = automatonOf({ kind: 'json', schema });
      expect(acceptsText(automaton, `${'['.repeat(30)}null${']'.repeat(30)}`)).toBe(true);
    } else expect(message).toContain('cannot be enforced');
    expect((process.cpuUsage().user - before) / 1e6).toBeLessThan(10);
  });

  it('takes bounds that are large but not absurd', () => {
    const automaton = automatonOf({ kind: 'json', schema: { type: 'string', maxLength: 1e9 } });
    expect(acceptsText(automaton, `"${'x'.repeat(5_000)}"`)).toBe(true);
    expect(automaton.states).toBeLessThan(12_001);
  });
});

describe('random schemas', { timeout: 120_000 }, () => {
  const COUNT = Number(process.env['PHI_SCHEMAS'] ?? 40);
  const SEED = Number(process.env['PHI_SEED'] ?? 1);
  let vocabulary: Vocabulary;

  beforeAll(() => {
    const tokenizer = createTokenizer({
      kind: 'tokenizer.json',
      json: referenceJson('starter/tokenizer.json'),
      config: {},
    });
    vocabulary = buildVocabulary(tokenizer, tokenizer.vocabSize, tokenizer.ends);
  });

  it(`${COUNT} replies by chance are valid, and end in time`, () => {
    for (let seed = SEED; seed < SEED + COUNT; seed++) {
      const schema = randomSchema(seed);
      const matcher = matcherOf(automatonOf({ kind: 'json', schema }), vocabulary);
      const limit = Math.max(matcher.needs, 80);
      const text = vocabulary.tokenizer.decode(writeByChance(matcher, vocabulary, seed, limit));
      const validate = new Ajv2020({ strict: false, validateFormats: false }).compile(schema);
      expect({ seed, text, valid: validate(JSON.parse(text)), errors: validate.errors }).toMatchObject({ valid: true });
    }
  });
});
