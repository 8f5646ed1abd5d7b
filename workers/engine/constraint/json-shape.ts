/**
 * The conditions on a value, all in one place: the parts of `allOf`, of references and of one choice out of each
 * `anyOf`, joined keyword by keyword.
 */
import { accepts, intersect, isEmpty, type Dfa, ANY_TEXT } from './dfa.ts';
import { FORMATS, NUMBER_FORMATS } from './json-formats.ts';
import { checkKeywords, meantTypes, Reader, type Schema, type SchemaObject } from './json-keywords.ts';
import { jsonText, type Json } from './json-text.ts';
import { patternDfa } from './regex.ts';
import { refuse } from './refusal.ts';

export const TYPES = ['object', 'array', 'string', 'number', 'boolean', 'null'] as const;
export type Type = (typeof TYPES)[number];

/** Conditions of one schema on objects. */
export interface ObjectPart {
  properties: Readonly<Record<string, Schema>>;
  patterns: readonly { dfa: Dfa; schema: Schema }[];
  /** null: it says nothing. */
  additional: Schema | null;
}

export interface ArrayPart {
  prefix: readonly Schema[];
  items: Schema | null;
}

export interface Shape {
  where: string;
  types: ReadonlySet<Type>;
  integer: boolean;
  /** null: any. */
  values: readonly Json[] | null;
  text: Dfa;
  minLength: number;
  maxLength: number;
  min: number;
  max: number;
  minExclusive: boolean;
  maxExclusive: boolean;
  multiples: readonly number[];
  objects: readonly ObjectPart[];
  required: readonly string[];
  names: readonly Schema[];
  /** `unevaluatedProperties: false` */
  closed: boolean;
  minProperties: number;
  maxProperties: number;
  arrays: readonly ArrayPart[];
  minItems: number;
  maxItems: number;
}

/** A schema object and where it stands. */
export interface Part {
  schema: SchemaObject;
  where: string;
}

export const MOST_PROPERTIES = 1_000;
const MOST_VALUES = 5_000;

export function shapeOf(parts: readonly Part[]): Shape {
  const shape = {
    where: parts[0]?.where ?? '#',
    types: new Set<Type>(TYPES),
    integer: false,
    values: null as Json[] | null,
    text: ANY_TEXT,
    minLength: 0,
    maxLength: Infinity,
    min: -Infinity,
    max: Infinity,
    minExclusive: false,
    maxExclusive: false,
    multiples: [] as number[],
    objects: [] as ObjectPart[],
    required: [] as string[],
    names: [] as Schema[],
    closed: false,
    minProperties: 0,
    maxProperties: Infinity,
    arrays: [] as ArrayPart[],
    minItems: 0,
    maxItems: Infinity,
  };
  for (const part of parts) {
    checkKeywords(part.schema, part.where);
    const read = new Reader(part.schema, part.where);
    addTypes(shape, read);
    addValues(shape, read);
    addText(shape, read);
    addNumber(shape, read);
    addObject(shape, read);
    addArray(shape, read);
  }
  return { ...shape, values: shape.values?.filter((value) => keeps(shape, value)) ?? null };
}

type Growing = { -readonly [K in keyof Shape]: Shape[K] extends readonly (infer T)[] ? T[] : Shape[K] } & {
  values: Json[] | null;
};

function addTypes(shape: Growing, read: Reader): void {
  const named = read.texts('type') ?? meantTypes(read.schema);
  if (!named) return;
  const unknown = named.find((type) => type !== 'integer' && !TYPES.includes(type as Type));
  if (unknown !== undefined) throw refuse(`the type ${JSON.stringify(unknown)} at ${read.where} is not known.`);
  const types = new Set(named.map((type) => (type === 'integer' ? 'number' : (type as Type))));
  // OpenAPI 3.0's way to allow null beside a type.
  if (read.flag('nullable')) types.add('null');
  shape.types = new Set([...shape.types].filter((type) => types.has(type)));
  if (named.includes('integer') && !named.includes('number')) shape.integer = true;
}

function addValues(shape: Growing, read: Reader): void {
  const lists = [
    ...(read.schema['const'] === undefined ? [] : [[read.schema['const']]]),
    ...(read.schema['enum'] === undefined ? [] : [read.list('enum')!]),
  ] as Json[][];
  for (const list of lists) {
    if (list.length > MOST_VALUES)
      throw refuse(`"enum" at ${read.where} has ${list.length} values; the limit is ${MOST_VALUES}.`);
    const known = shape.values && new Set(shape.values.map(canonical));
    shape.values = known ? list.filter((value) => known.has(canonical(value))) : list;
  }
}

/** One text for equal values: the order of an object's keys does not matter. */
function canonical(value: Json): string {
  if (Array.isArray(value)) return `[${(value as readonly Json[]).map(canonical).join()}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const entries = Object.entries(value).map(([key, each]) => `${JSON.stringify(key)}:${canonical(each)}`);
  return `{${entries.sort().join()}}`;
}

function addText(shape: Growing, read: Reader): void {
  const pattern = read.text('pattern');
  if (pattern !== null) shape.text = intersect(shape.text, patternDfa(pattern));
  const format = read.text('format');
  if (format !== null && !isOfNumber(read)) {
    const source = FORMATS[format];
    // Where a pattern stands beside it, that says what a format of somebody's own is.
    if (source === undefined && pattern === null)
      throw refuse(
        `"format": ${JSON.stringify(format)} at ${read.where} is not supported. Supported are: ${Object.keys(FORMATS).join(', ')}.`,
      );
    if (source !== undefined) shape.text = intersect(shape.text, patternDfa(source));
  }
  shape.minLength = Math.max(shape.minLength, read.count('minLength') ?? 0);
  shape.maxLength = Math.min(shape.maxLength, read.count('maxLength') ?? Infinity);
}

/** Its `format` is one of numbers, which OpenAPI has. */
function isOfNumber(read: Reader): boolean {
  const types = read.texts('type') ?? [];
  return (
    Object.hasOwn(NUMBER_FORMATS, read.text('format') ?? '') &&
    !types.includes('string') &&
    types.some((type) => type === 'integer' || type === 'number')
  );
}

function addNumber(shape: Growing, read: Reader): void {
  const low = (value: number | null, exclusive: boolean) => {
    if (value === null || value < shape.min || (value === shape.min && !exclusive)) return;
    shape.min = value;
    shape.minExclusive = exclusive;
  };
  const high = (value: number | null, exclusive: boolean) => {
    if (value === null || value > shape.max || (value === shape.max && !exclusive)) return;
    shape.max = value;
    shape.maxExclusive = exclusive;
  };
  const [lowest, highest] = isOfNumber(read) ? NUMBER_FORMATS[read.text('format')!]! : [null, null];
  low(lowest, false);
  high(highest, false);
  low(read.number('minimum'), false);
  low(read.number('exclusiveMinimum'), true);
  high(read.number('maximum'), false);
  high(read.number('exclusiveMaximum'), true);
  const step = read.number('multipleOf');
  if (step !== null) shape.multiples.push(step);
}

function addObject(shape: Growing, read: Reader): void {
  const properties = read.named('properties');
  const patterns = read.named('patternProperties');
  const additional = read.one('additionalProperties');
  if (properties && Object.keys(properties).length > MOST_PROPERTIES)
    throw refuse(`"properties" at ${read.where} has more than ${MOST_PROPERTIES} names.`);
  if (properties ?? patterns ?? additional !== null)
    shape.objects.push({
      properties: properties ?? {},
      patterns: Object.entries(patterns ?? {}).map(([source, schema]) => ({ dfa: patternDfa(source), schema })),
      additional,
    });
  shape.required.push(...(read.texts('required') ?? []).filter((name) => !shape.required.includes(name)));
  const names = read.one('propertyNames');
  if (names !== null) shape.names.push(names);
  shape.minProperties = Math.max(shape.minProperties, read.count('minProperties') ?? 0);
  shape.maxProperties = Math.min(shape.maxProperties, read.count('maxProperties') ?? Infinity);
  const unevaluated = read.schema['unevaluatedProperties'];
  if (unevaluated !== undefined && unevaluated !== false)
    throw refuse(`"unevaluatedProperties" at ${read.where} is supported only as false.`);
  if (unevaluated === false) shape.closed = true;
}

function addArray(shape: Growing, read: Reader): void {
  // Before 2020, a list in `items` was what `prefixItems` is, and `additionalItems` what `items` is.
  const old = Array.isArray(read.schema['items']);
  const prefix = read.schemas(old ? 'items' : 'prefixItems');
  const items = read.one(old ? 'additionalItems' : 'items');
  if (prefix !== null || items !== null) shape.arrays.push({ prefix: prefix ?? [], items });
  shape.minItems = Math.max(shape.minItems, read.count('minItems') ?? 0);
  shape.maxItems = Math.min(shape.maxItems, read.count('maxItems') ?? Infinity);
}

function typeOf(value: Json): Type {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'array';
  return typeof value as Type;
}

/** True if a listed value meets the other conditions. */
function keeps(shape: Omit<Shape, 'values'>, value: Json): boolean {
  const type = typeOf(value);
  if (!shape.types.has(type)) return false;
  if (typeof value === 'number')
    return (
      (!shape.integer || Number.isInteger(value)) &&
      (shape.minExclusive ? value > shape.min : value >= shape.min) &&
      (shape.maxExclusive ? value < shape.max : value <= shape.max) &&
      shape.multiples.every((step) => Number.isInteger(value / step))
    );
  if (typeof value === 'string') {
    const length = Array.from(value).length;
    return length >= shape.minLength && length <= shape.maxLength && accepts(shape.text, value);
  }
  const asked =
    type === 'object'
      ? shape.objects.length + shape.required.length + shape.names.length + shape.minProperties > 0 ||
        shape.maxProperties < Infinity
      : type === 'array' && (shape.arrays.length + shape.minItems > 0 || shape.maxItems < Infinity);
  if (asked)
    throw refuse(
      `"enum" or "const" at ${shape.where} lists ${type}s together with other conditions on them. Remove these conditions.`,
    );
  return true;
}

/** True if a value may have both shapes, without looking into objects and lists. */
export function mayMeet(a: Shape, b: Shape, type: Type): boolean {
  if (a.values && b.values) {
    const known = new Set(a.values.map(jsonText));
    return b.values.some((value) => known.has(jsonText(value)));
  }
  const listed = a.values ?? b.values;
  if (listed && type !== 'object' && type !== 'array') {
    const other = a.values ? b : a;
    return listed.some((value) => typeOf(value) === type && keeps(other, value));
  }
  if (type === 'number') {
    const [low, high] = [Math.max(a.min, b.min), Math.min(a.max, b.max)];
    return low < high || (low === high && !a.minExclusive && !b.minExclusive && !a.maxExclusive && !b.maxExclusive);
  }
  if (type === 'string')
    return (
      Math.max(a.minLength, b.minLength) <= Math.min(a.maxLength, b.maxLength) && !isEmpty(intersect(a.text, b.text))
    );
  if (type === 'array') return Math.max(a.minItems, b.minItems) <= Math.min(a.maxItems, b.maxItems);
  return true;
}
