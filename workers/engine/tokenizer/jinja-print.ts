/** Writes `{{ value }}` as Python's `str` does: @huggingface/jinja writes `true` and JSON there, jinja2 `True` and Python's literals. */
import type { Value } from './jinja-size.ts';

/** A node of the library, as far as it is looked at here. */
interface Node {
  type: string;
  body?: Node[];
  alternate?: Node[];
  defaultBlock?: Node[];
}

/** Nodes that print what their children give. */
export const BLOCKS: ReadonlySet<string> = new Set([
  'CallStatement',
  'FilterStatement',
  'For',
  'If',
  'Macro',
  'Program',
  'Set',
]);

/** Nodes that do something; every other node in a block is an expression, whose value is written. */
const STATEMENTS: ReadonlySet<string> = new Set([...BLOCKS, 'Break', 'Comment', 'Continue']);

/** The expressions of a template whose values are written. */
export function printedNodes(program: Node): WeakSet<object> {
  const printed = new WeakSet<object>();
  const waiting = [program];
  for (let node = waiting.pop(); node !== undefined; node = waiting.pop())
    for (const child of [node.body, node.alternate, node.defaultBlock].flatMap((block) => block ?? []))
      if (STATEMENTS.has(child.type)) waiting.push(child);
      else printed.add(child);
  return printed;
}

/** As Python's `str` writes it; null for what jinja2 leaves out (undefined), and for functions. */
export function pythonText(value: Value): string | null {
  if (typeof value.value === 'string') return value.value;
  return value.type === 'UndefinedValue' || value.type === 'FunctionValue' ? null : pythonRepr(value);
}

/** As Python's `repr` writes it. */
export function pythonRepr({ type, value }: Value): string {
  if (typeof value === 'string') return quoted(value);
  if (typeof value === 'boolean') return value ? 'True' : 'False';
  if (typeof value === 'number') return type === 'FloatValue' ? float(value) : integer(value);
  if (Array.isArray(value)) {
    const elements = value.map(pythonRepr).join(', ');
    return type === 'TupleValue' ? `(${elements}${value.length === 1 ? ',' : ''})` : `[${elements}]`;
  }
  if (value instanceof Map) {
    const pairs = [...value].map(([key, one]) => `${quoted(key)}: ${pythonRepr(one)}`);
    return type === 'NamespaceValue' ? `<Namespace {${pairs.join(', ')}}>` : `{${pairs.join(', ')}}`;
  }
  return type === 'UndefinedValue' ? 'Undefined' : 'None';
}

/** JavaScript turns to exponents at 1e21, Python's integers never do. */
const integer = (value: number): string => (Math.abs(value) < 1e21 ? String(value) : BigInt(value).toString());

/** The same digits as JavaScript's; Python turns to exponents at other sizes. */
function float(value: number): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? 'nan' : value > 0 ? 'inf' : '-inf';
  if (Object.is(value, -0)) return '-0.0';
  const [digits, power] = value.toExponential().split('e');
  const exponent = Number(power);
  if (exponent < -4 || exponent >= 16) {
    const sign = exponent < 0 ? '-' : '+';
    return `${digits}e${sign}${String(Math.abs(exponent)).padStart(2, '0')}`;
  }
  if (Number.isInteger(value)) return `${value}.0`;
  // JavaScript writes 0.0001 and larger as Python does.
  return String(value);
}

const ESCAPES: Readonly<Record<string, string>> = { '\\': '\\\\', '\n': '\\n', '\r': '\\r', '\t': '\\t' };

function quoted(text: string): string {
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'";
  // Characters that Python does not print: controls, formats, surrogates, private and unassigned characters, and every blank but the space.
  const escaped = text.replace(/[\\'\p{C}\p{Z}]/gu, (character) => {
    if (character === ' ') return character;
    if (character === "'") return quote === "'" ? "\\'" : character;
    const known = ESCAPES[character];
    if (known !== undefined) return known;
    const code = character.codePointAt(0)!;
    const hex = code.toString(16);
    if (code < 0x100) return `\\x${hex.padStart(2, '0')}`;
    return code < 0x10000 ? `\\u${hex.padStart(4, '0')}` : `\\U${hex.padStart(8, '0')}`;
  });
  return quote + escaped + quote;
}
