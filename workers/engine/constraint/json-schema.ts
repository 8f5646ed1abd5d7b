/**
 * JSON Schema (the subset of json-keywords.ts) as an expression. Properties come in the order of the schema, and only
 * those that it names, unless it requires others with `additionalProperties` or `patternProperties`. A property that
 * the schema leaves out is left out of the answer.
 */
import { complement, intersect, isEmpty, wordsDfa, ANY_TEXT, accepts, type Dfa } from './dfa.ts';
import { call, choice, literal, NOTHING, sequence, type Expr, type Rule } from './grammar.ts';
import { asSchema, checkSize, Reader, type Schema, type SchemaObject } from './json-keywords.ts';
import { numberDfa } from './json-number.ts';
import { COLON, jsonText, objectText, quoted, tuple, type Property } from './json-text.ts';
import { mayMeet, MOST_PROPERTIES, shapeOf, type Part, type Shape, type Type } from './json-shape.ts';
import { refuse } from './refusal.ts';

const MOST_RULES = 1_500;
/** Combinations of the choices of several `anyOf`s that hold at once. */
const MOST_ALTERNATIVES = 200;

interface Group {
  keyword: 'anyOf' | 'oneOf';
  where: string;
  branches: Schema[];
}

interface Collected {
  parts: Part[];
  groups: Group[];
  /** `false` is among them, so nothing satisfies it. */
  impossible: boolean;
}

/** Throws `bad-request` for what cannot be enforced, by name and place. */
export function schemaExpr(schema: unknown): Expr {
  checkSize(schema);
  return new Compiler(asSchema(schema, '#')).value([asSchema(schema, '#')]);
}

class Compiler {
  readonly #root: Schema;
  readonly #rules = new Map<string, Rule>();
  readonly #ids = new Map<SchemaObject, number>();
  readonly #places = new Map<SchemaObject, string>();
  #alternatives = 0;

  constructor(root: Schema) {
    this.#root = root;
    if (typeof root === 'object') this.#place(root, '#');
  }

  /** A value that all of `schemas` allow. */
  value(schemas: readonly Schema[]): Expr {
    const key = this.#keyOf(schemas);
    const known = this.#rules.get(key);
    if (known) return call(known);
    if (this.#rules.size >= MOST_RULES)
      throw refuse(`the schema has more than ${MOST_RULES} parts, or combinations of them.`);
    const rule: Rule = { name: this.#nameOf(schemas), body: null };
    this.#rules.set(key, rule);
    rule.body = choice(...this.#shapes(schemas).map((shape) => this.#shape(shape)));
    return call(rule);
  }

  #keyOf(schemas: readonly Schema[]): string {
    const ids = schemas.map((schema) => (typeof schema === 'boolean' ? (schema ? -1 : -2) : this.#idOf(schema)));
    return [...new Set(ids.filter((id) => id !== -1))].sort((a, b) => a - b).join();
  }

  #idOf(schema: SchemaObject): number {
    let id = this.#ids.get(schema);
    if (id === undefined) this.#ids.set(schema, (id = this.#ids.size));
    return id;
  }

  #nameOf(schemas: readonly Schema[]): string {
    const first = schemas.find((schema) => typeof schema === 'object');
    return typeof first === 'object' ? (this.#places.get(first) ?? '#') : '#';
  }

  /** Remembers where a schema stands, for errors. */
  #place(schema: SchemaObject, where: string): Part {
    if (!this.#places.has(schema)) this.#places.set(schema, where);
    return { schema, where: this.#places.get(schema)! };
  }

  #shapes(schemas: readonly Schema[]): Shape[] {
    const collected = this.#collect(schemas, this.#nameOf(schemas), []);
    return collected.impossible ? [] : this.#alternativesOf(collected).map(shapeOf);
  }

  /** References and `allOf` resolved: the conditions that hold together, and the choices. */
  #collect(schemas: readonly Schema[], where: string, chain: readonly SchemaObject[]): Collected {
    const found: Collected = { parts: [], groups: [], impossible: schemas.includes(false) };
    for (const schema of schemas) {
      if (typeof schema === 'boolean') continue;
      if (chain.includes(schema)) throw refuse(`the schema at ${where} refers to itself and to nothing else.`);
      const part = this.#place(schema, where);
      const read = new Reader(schema, part.where);
      found.parts.push(part);
      const inner = [...chain, schema];
      const add = (more: readonly Schema[], place: string) => {
        const { parts, groups, impossible } = this.#collect(more, place, inner);
        found.parts.push(...parts.filter(({ schema: one }) => !found.parts.some((other) => other.schema === one)));
        found.groups.push(...groups);
        found.impossible ||= impossible;
      };
      const reference = read.text('$ref');
      if (reference !== null) add([this.#resolve(reference, part.where)], reference);
      read.schemas('allOf')?.forEach((each, i) => add([each], `${part.where}/allOf/${i}`));
      for (const keyword of ['anyOf', 'oneOf'] as const) {
        const branches = read.schemas(keyword);
        if (branches) found.groups.push({ keyword, where: part.where, branches });
      }
    }
    return found;
  }

  /** One list of parts for each combination of choices. */
  #alternativesOf({ parts, groups: [first, ...others] }: Omit<Collected, 'impossible'>): Part[][] {
    if (!first) {
      if (++this.#alternatives > MOST_ALTERNATIVES * 20) throw refuse('the schema has too many alternatives.');
      return [parts];
    }
    const branches = first.branches.map((branch, i) =>
      this.#collect([branch], `${first.where}/${first.keyword}/${i}`, []),
    );
    const found = branches.map(({ parts: more, groups, impossible }) =>
      impossible ? [] : this.#alternativesOf({ parts: [...parts, ...more], groups: [...groups, ...others] }),
    );
    if (first.keyword === 'oneOf') this.#refuseOverlap(first, found);
    const all = found.flat();
    if (all.length > MOST_ALTERNATIVES)
      throw refuse(
        `"${first.keyword}" at ${first.where} gives more than ${MOST_ALTERNATIVES} combinations with the other choices beside it.`,
      );
    return all;
  }

  /** `oneOf` is enforced if no text of one branch is valid for another. */
  #refuseOverlap({ where }: Group, branches: readonly Part[][][]): void {
    const shapes = branches.map((alternatives) => alternatives.map(shapeOf));
    shapes.forEach((some, i) =>
      shapes.slice(0, i).forEach((others, j) => {
        if (some.some((a) => others.some((b) => this.#overlap(a, b, 0))))
          throw refuse(
            `"oneOf" at ${where}: choices ${j + 1} and ${i + 1} may both match. Use "anyOf", or distinguish them by a required property with a "const".`,
          );
      }),
    );
  }

  /** True if a text written for one may match the other. */
  #overlap(a: Shape, b: Shape, depth: number): boolean {
    return [...a.types].some((type) => {
      if (!b.types.has(type) || !mayMeet(a, b, type)) return false;
      return type !== 'object' || !(this.#rejects(a, b, depth) && this.#rejects(b, a, depth));
    });
  }

  /** `b` is wrong for every object that is written for `a`. */
  #rejects(a: Shape, b: Shape, depth: number): boolean {
    if (depth > 2 || a.values || b.values) return false;
    const written = new Set([...a.required, ...a.objects.flatMap(({ properties }) => Object.keys(properties))]);
    const open = this.#extras(a).length > 0;
    if (!open && b.required.some((name) => !written.has(name))) return true;
    return a.required.some((name) => {
      const [mine, theirs] = [this.#schemasOf(a, name), this.#schemasOf(b, name)];
      if (theirs.includes(false)) return true;
      const shapes = [mine, theirs].map((schemas) => this.#shapes(schemas));
      return !shapes[0]!.some((one) => shapes[1]!.some((other) => this.#overlap(one, other, depth + 1)));
    });
  }

  #resolve(reference: string, where: string): Schema {
    if (!reference.startsWith('#') || (reference.length > 1 && reference[1] !== '/'))
      throw refuse(
        `"$ref": ${JSON.stringify(reference)} at ${where} points outside the schema. Only "#" and "#/…" are supported.`,
      );
    let at: unknown = this.#root;
    let parts: string[];
    try {
      parts = decodeURIComponent(reference.slice(2)).split('/');
    } catch {
      throw refuse(`"$ref": ${JSON.stringify(reference)} at ${where} has an invalid escape.`);
    }
    for (const part of reference.length > 2 ? parts : []) {
      const key = part.replaceAll('~1', '/').replaceAll('~0', '~');
      at =
        typeof at === 'object' && at !== null && Object.hasOwn(at, key)
          ? (at as Record<string, unknown>)[key]
          : undefined;
    }
    if (at === undefined)
      throw refuse(`"$ref": ${JSON.stringify(reference)} at ${where} does not exist in the schema.`);
    const schema = asSchema(at, reference);
    if (typeof schema === 'object') this.#place(schema, reference);
    return schema;
  }

  #shape(shape: Shape): Expr {
    if (shape.values) return choice(...shape.values.map((value) => literal(jsonText(value))));
    return choice(...[...shape.types].map((type) => this.#ofType(shape, type)));
  }

  #ofType(shape: Shape, type: Type): Expr {
    switch (type) {
      case 'null':
        return literal('null');
      case 'boolean':
        return choice(literal('true'), literal('false'));
      case 'string':
        return quoted(shape.text, shape.minLength, shape.maxLength);
      case 'number':
        return { kind: 'text', dfa: numberDfa(shape, shape.where), min: 0, max: Infinity, form: 'raw' };
      case 'array':
        return this.#array(shape);
      case 'object':
        return this.#object(shape);
    }
  }

  #array({ arrays, minItems, maxItems, where }: Shape): Expr {
    const length = Math.max(0, ...arrays.map(({ prefix }) => prefix.length));
    const at = (i: number): Schema[] => arrays.map(({ prefix, items }) => prefix[i] ?? items ?? true);
    const placed = (schemas: Schema[], i: string) => this.value(this.#placed(schemas, `${where}/${i}`));
    const count = Math.min(length, maxItems);
    const items = Array.from({ length: count }, (_, i) => placed(at(i), `prefixItems/${i}`));
    // Where only the first ones are described, there are no others.
    const open = length === 0 || arrays.some(({ items }) => items !== null && items !== false);
    const shut = arrays.some(({ prefix, items }) => items === false || (items === null && prefix.length > 0 && !open));
    return tuple(items, shut || maxItems <= count ? null : placed(at(length), 'items'), minItems, maxItems);
  }

  #placed(schemas: Schema[], where: string): Schema[] {
    for (const schema of schemas) if (typeof schema === 'object') this.#place(schema, where);
    return schemas;
  }

  /** The conditions of all parts on a property. */
  #schemasOf({ objects }: Shape, name: string): Schema[] {
    return objects.flatMap(({ properties, patterns, additional }) => {
      const own = Object.hasOwn(properties, name) ? [properties[name]!] : [];
      const found = [...own, ...patterns.filter(({ dfa }) => accepts(dfa, name)).map(({ schema }) => schema)];
      return found.length > 0 ? found : additional === null ? [] : [additional];
    });
  }

  #object(shape: Shape): Expr {
    const { where, required, minProperties, maxProperties } = shape;
    const named = [...new Set([...shape.objects.flatMap(({ properties }) => Object.keys(properties)), ...required])];
    if (named.length > MOST_PROPERTIES)
      throw refuse(`the object at ${where} has more than ${MOST_PROPERTIES} properties.`);
    const allowed = this.#names(shape);
    const properties = named.flatMap((name): Property[] => {
      const must = required.includes(name);
      const schemas = this.#schemasOf(shape, name);
      if (schemas.includes(false) || (allowed && !allowed.accepts(name)))
        return must ? [{ name, value: NOTHING, required: must }] : [];
      return [{ name, value: this.value(this.#placed(schemas, `${where}/properties/${name}`)), required: must }];
    });
    const extras = this.#extras(shape).map(({ dfa, schemas }) => {
      const names = wordsDfa(named);
      const free = named.length > 0 ? intersect(dfa, complement(names)) : dfa;
      const keys = allowed ? intersect(free, allowed.dfa) : free;
      if (isEmpty(keys)) return NOTHING;
      const key = quoted(keys, allowed?.min ?? 0, allowed?.max ?? Infinity);
      return sequence(key, literal(COLON), this.value(this.#placed(schemas, `${where}/additionalProperties`)));
    });
    const most = properties.length + (extras.length > 0 ? 1 : 0);
    if (minProperties > most)
      throw refuse(
        `"minProperties": ${minProperties} at ${where}: only ${most} different names are certain. Name the properties, or require fewer.`,
      );
    return objectText(properties, extras.length > 0 ? choice(...extras) : null, minProperties, maxProperties);
  }

  /** Properties beyond the named ones: which names, and what their values must be. */
  #extras(shape: Shape): { dfa: Dfa; schemas: Schema[] }[] {
    const { objects, closed } = shape;
    const patterns = objects.flatMap((part) => part.patterns.map((pattern) => ({ ...pattern, part })));
    const others = (without?: ObjectPartOf): Schema[] =>
      objects.flatMap((part) => (part === without || part.additional === null ? [] : [part.additional]));
    const none = patterns.reduce((left, { dfa }) => intersect(left, complement(dfa)), ANY_TEXT);
    const described = objects.some(({ properties }) => Object.keys(properties).length > 0) || shape.required.length > 0;
    const asked = objects.some(({ additional }) => additional !== null && additional !== false);
    const found = patterns.map(({ dfa, schema, part }, i) => ({
      // A name that two patterns match would have to satisfy both: it is left out.
      dfa: patterns.reduce((left, other, j) => (j === i ? left : intersect(left, complement(other.dfa))), dfa),
      schemas: [schema, ...others(part)],
    }));
    if (asked || (!described && patterns.length === 0 && !closed)) found.push({ dfa: none, schemas: others() });
    return found.filter(({ dfa, schemas }) => !schemas.includes(false) && !isEmpty(dfa));
  }

  /** Names that `propertyNames` allows; null: all. */
  #names({ names, where }: Shape): { dfa: Dfa; min: number; max: number; accepts: (name: string) => boolean } | null {
    if (names.length === 0) return null;
    const shapes = this.#shapes(names);
    if (shapes.length !== 1) throw refuse(`"propertyNames" at ${where} is supported only without choices in it.`);
    const { types, values, text, minLength: min, maxLength: max } = shapes[0]!;
    const words = values?.filter((value) => typeof value === 'string');
    const dfa = !types.has('string') ? wordsDfa([]) : words ? wordsDfa(words) : text;
    return {
      dfa,
      min: words ? 0 : min,
      max: words ? Infinity : max,
      accepts: (name) =>
        accepts(dfa, name) && (words !== undefined || (name.length >= min && Array.from(name).length <= max)),
    };
  }
}

type ObjectPartOf = Shape['objects'][number];
