/** JSON Schema's keywords: which are enforced, which have no effect on a text, and which are refused. */
import { refuse } from './refusal.ts';

export type SchemaObject = Readonly<Record<string, unknown>>;
export type Schema = boolean | SchemaObject;

/** Annotations for people and other programs. They do not restrict the text. */
const ANNOTATIONS = [
  '$anchor',
  '$comment',
  '$defs',
  '$id',
  '$schema',
  'contentEncoding',
  'contentMediaType',
  'contentSchema',
  'default',
  'definitions',
  'deprecated',
  'description',
  'discriminator',
  'enumNames',
  'example',
  'examples',
  'externalDocs',
  'propertyOrdering',
  'readOnly',
  'title',
  'writeOnly',
  'xml',
];

/** Enforced keywords, by the types that they apply to. */
const KEYWORDS = {
  any: ['$ref', 'allOf', 'anyOf', 'const', 'enum', 'nullable', 'oneOf', 'type'],
  object: [
    'additionalProperties',
    'maxProperties',
    'minProperties',
    'patternProperties',
    'properties',
    'propertyNames',
    'required',
    'unevaluatedProperties',
  ],
  array: ['additionalItems', 'items', 'maxItems', 'minItems', 'prefixItems'],
  string: ['format', 'maxLength', 'minLength', 'pattern'],
  number: ['exclusiveMaximum', 'exclusiveMinimum', 'maximum', 'minimum', 'multipleOf'],
} as const;

const KEPT = new Set<string>(Object.values(KEYWORDS).flat());
const IGNORED = new Set(ANNOTATIONS);

/**
 * Throws `bad-request` for a keyword that is not enforced, with its name and place. `x-…` are annotations by custom.
 */
export function checkKeywords(schema: SchemaObject, where: string): void {
  for (const keyword of Object.keys(schema))
    if (!KEPT.has(keyword) && !IGNORED.has(keyword) && !keyword.startsWith('x-'))
      throw refuse(
        `"${keyword}" at ${where} is not supported. Remove it from the schema, or express it with another keyword.`,
      );
}

/** The types that the schema's keywords are about; null where it names none. A schema with `properties` and no type means an object. */
export function meantTypes(schema: SchemaObject): readonly string[] | null {
  if (schema['type'] !== undefined || schema['const'] !== undefined || schema['enum'] !== undefined) return null;
  const found = (['object', 'array', 'string', 'number'] as const).filter((type) =>
    KEYWORDS[type].some((keyword) => schema[keyword] !== undefined),
  );
  return found.length > 0 ? found : null;
}

const MOST_VALUES = 20_000;
const MOST_DEPTH = 64;

/** Throws for a schema that is unreasonably large or deep, before anything is done with it. */
export function checkSize(schema: unknown): void {
  let count = 0;
  let layer: unknown[] = [schema];
  for (let depth = 0; layer.length > 0; depth++) {
    if (depth > MOST_DEPTH) throw refuse(`the schema is more than ${MOST_DEPTH} levels deep.`);
    count += layer.length;
    if (count > MOST_VALUES) throw refuse(`the schema holds more than ${MOST_VALUES} values.`);
    layer = layer.flatMap((value) =>
      typeof value === 'object' && value !== null ? (Object.values(value) as unknown[]) : [],
    );
  }
}

const kindOf = (value: unknown): string => (value === null ? 'null' : Array.isArray(value) ? 'an array' : typeof value);

/** Reads a keyword's value, or throws with what it should be. */
export class Reader {
  readonly schema: SchemaObject;
  readonly where: string;

  constructor(schema: SchemaObject, where: string) {
    this.schema = schema;
    this.where = where;
  }

  #wrong(keyword: string, should: string): Error {
    return refuse(`"${keyword}" at ${this.where} is ${kindOf(this.schema[keyword])}; it should be ${should}.`);
  }

  count(keyword: string): number | null {
    const value = this.schema[keyword];
    if (value === undefined) return null;
    if (!Number.isInteger(value) || (value as number) < 0) throw this.#wrong(keyword, 'a whole number, 0 or more');
    return value as number;
  }

  flag(keyword: string): boolean {
    const value = this.schema[keyword];
    if (value !== undefined && typeof value !== 'boolean') throw this.#wrong(keyword, 'true or false');
    return value === true;
  }

  number(keyword: string): number | null {
    const value = this.schema[keyword];
    if (value === undefined) return null;
    if (typeof value !== 'number' || !Number.isFinite(value)) throw this.#wrong(keyword, 'a number');
    return value;
  }

  text(keyword: string): string | null {
    const value = this.schema[keyword];
    if (value === undefined) return null;
    if (typeof value !== 'string') throw this.#wrong(keyword, 'a string');
    return value;
  }

  texts(keyword: string): string[] | null {
    const value = this.schema[keyword];
    if (value === undefined) return null;
    const list: unknown = typeof value === 'string' && keyword === 'type' ? [value] : value;
    if (!Array.isArray(list) || !list.every((each) => typeof each === 'string'))
      throw this.#wrong(keyword, 'a list of strings');
    return list;
  }

  list(keyword: string): unknown[] | null {
    const value = this.schema[keyword];
    if (value === undefined) return null;
    if (!Array.isArray(value) || value.length === 0) throw this.#wrong(keyword, 'a list with at least one entry');
    return value as unknown[];
  }

  schemas(keyword: string): Schema[] | null {
    return this.list(keyword)?.map((value) => asSchema(value, `${this.where}/${keyword}`)) ?? null;
  }

  one(keyword: string): Schema | null {
    const value = this.schema[keyword];
    return value === undefined ? null : asSchema(value, `${this.where}/${keyword}`);
  }

  named(keyword: string): Readonly<Record<string, Schema>> | null {
    const value = this.schema[keyword];
    if (value === undefined) return null;
    if (typeof value !== 'object' || value === null || Array.isArray(value)) throw this.#wrong(keyword, 'an object');
    return Object.fromEntries(
      Object.entries(value).map(([name, each]) => [name, asSchema(each, `${this.where}/${keyword}/${name}`)]),
    );
  }
}

export function asSchema(value: unknown, where: string): Schema {
  if (typeof value === 'boolean') return value;
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as SchemaObject;
  throw refuse(`the schema at ${where} is ${kindOf(value)}; it should be an object, true or false.`);
}
