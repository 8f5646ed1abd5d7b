/** Random JSON Schemas within what is enforced: nesting, enums, bounds, patterns, optional properties, unions and recursion. */
import { uniforms } from '../../generate/random.ts';

type Schema = Record<string, unknown>;

const PATTERNS = [
  '^[A-Z]{2}\\d{3}$',
  '^(red|green|blue)(ish)?$',
  '[aeiou]{2}',
  '^\\w+@\\w+\\.(com|org)$',
  '^[^\\s"]+$',
  '^日本?[ぁ-ん]*$',
  '^a*b+c?$',
];
const FORMATS = ['date', 'time', 'date-time', 'uuid', 'ipv4', 'email', 'hostname'];
const NAMES = ['name', 'id', 'tags', 'größe', '数', 'a "b"', 'is_ok', 'x', 'nested', 'list', 'total', 'kind'];
const VALUES = [null, true, false, 0, -1, 2.5, 1e21, '', 'one', 'zwei', '三', 'a"b\\c\n', [1, 'x'], { k: [] }];

/** The schema that belongs to `seed`. */
export function randomSchema(seed: number): Schema {
  const draw = uniforms(seed * 2654435761);
  for (let i = 0; i < 8; i++) draw(); // neighbouring seeds begin alike
  const defs: Schema = {};
  const schema = new Generator(draw, defs).schema(0);
  return Object.keys(defs).length > 0 ? { ...schema, $defs: defs } : schema;
}

class Generator {
  readonly #draw: () => number;
  readonly #defs: Schema;

  constructor(draw: () => number, defs: Schema) {
    this.#draw = draw;
    this.#defs = defs;
  }

  #int(below: number): number {
    return Math.floor(this.#draw() * below);
  }

  #pick<T>(list: readonly T[]): T {
    return list[this.#int(list.length)]!;
  }

  #chance(share: number): boolean {
    return this.#draw() < share;
  }

  #some<T>(list: readonly T[], share: number): T[] {
    return list.filter(() => this.#chance(share));
  }

  schema(depth: number): Schema {
    const deep = depth >= 3;
    const kinds = [
      'object',
      'object',
      'array',
      'string',
      'number',
      'integer',
      'enum',
      'union',
      'recursion',
      'plain',
      'one',
    ];
    const kind =
      depth === 0
        ? this.#pick(['object', 'object', 'object', 'array', 'union', 'recursion'])
        : this.#pick(deep ? kinds.slice(3, 7) : kinds);
    switch (kind) {
      case 'object':
        return this.#object(depth);
      case 'array':
        return this.#array(depth);
      case 'string':
        return this.#string();
      case 'number':
      case 'integer':
        return this.#number(kind);
      case 'enum':
        return this.#chance(0.3) ? { const: this.#pick(VALUES) } : { enum: this.#some(VALUES, 0.4).concat(['sure']) };
      case 'union':
        return { anyOf: Array.from({ length: 2 + this.#int(2) }, () => this.schema(depth + 1)) };
      case 'one':
        return {
          oneOf: ['a', 'b'].map((tag) => ({
            type: 'object',
            properties: { kind: { const: tag }, value: this.schema(depth + 2) },
            required: ['kind'],
          })),
        };
      case 'recursion':
        return this.#recursion();
      default:
        return { type: this.#pick(['boolean', 'null', ['string', 'null'], ['integer', 'boolean']]) };
    }
  }

  #object(depth: number): Schema {
    const names = this.#some(NAMES, 0.4);
    const schema: Schema = {
      type: 'object',
      properties: Object.fromEntries(names.map((name) => [name, this.schema(depth + 1)])),
      required: this.#some(names, 0.6),
    };
    if (this.#chance(0.3)) schema['additionalProperties'] = this.#chance(0.5) ? this.schema(depth + 2) : false;
    if (this.#chance(0.15)) schema['maxProperties'] = (schema['required'] as string[]).length + this.#int(3);
    // Beside a bound from above it could contradict it.
    if (this.#chance(0.15) && names.length > 0 && schema['maxProperties'] === undefined)
      schema['minProperties'] = 1 + this.#int(names.length);
    if (this.#chance(0.1)) schema['patternProperties'] = { '^v\\d+$': this.schema(depth + 2) };
    return schema;
  }

  #array(depth: number): Schema {
    const schema: Schema = { type: 'array', items: this.schema(depth + 1) };
    if (this.#chance(0.6)) schema['minItems'] = this.#int(4);
    if (this.#chance(0.6)) schema['maxItems'] = ((schema['minItems'] as number | undefined) ?? 0) + this.#int(4);
    if (this.#chance(0.2)) schema['prefixItems'] = [this.schema(depth + 1), this.schema(depth + 1)];
    return schema;
  }

  #string(): Schema {
    const schema: Schema = { type: 'string' };
    const kind = this.#int(5);
    if (kind === 0) schema['pattern'] = this.#pick(PATTERNS);
    if (kind === 1) schema['format'] = this.#pick(FORMATS);
    if (kind === 2) Object.assign(schema, { pattern: '^[a-z ]*$', minLength: this.#int(6) });
    if (kind > 1 && this.#chance(0.8))
      schema['maxLength'] = ((schema['minLength'] as number | undefined) ?? 0) + this.#int(30);
    return schema;
  }

  #number(type: 'number' | 'integer'): Schema {
    const schema: Schema = { type };
    const low = this.#int(200) - 100;
    if (this.#chance(0.6)) schema[this.#pick(['minimum', 'exclusiveMinimum'])] = type === 'number' ? low / 8 : low;
    if (this.#chance(0.6))
      schema[this.#pick(['maximum', 'exclusiveMaximum'])] = (type === 'number' ? low / 8 : low) + 40 + this.#int(400);
    if (this.#chance(0.2)) schema['multipleOf'] = this.#pick([1, 2, 3, 7, 10]);
    return schema;
  }

  #recursion(): Schema {
    const name = `node${Object.keys(this.#defs).length}`;
    this.#defs[name] = {}; // its place is taken before it is made
    this.#defs[name] = {
      type: 'object',
      properties: {
        value: this.schema(3),
        children: { type: 'array', items: { $ref: `#/$defs/${name}` }, maxItems: 3 },
      },
      required: ['value'],
    };
    return { $ref: `#/$defs/${name}` };
  }
}
