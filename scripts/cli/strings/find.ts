/** Finds the strings that reach people in a source file, by its syntax tree: TypeScript's for `.ts`, Svelte's for the markup of `.svelte`. */
import { parse, type AST } from 'svelte/compiler';
import ts from 'typescript';

/** How a string reaches people. `text` is any other text of several words: reasons, notes and parts of messages. */
type StringKind = 'catalogue' | 'error' | 'console' | 'markup' | 'text';

export interface FoundString {
  readonly file: string;
  /** From 1. */
  readonly line: number;
  readonly kind: StringKind;
  /** The text as the source spells it, on one line. Expressions stay as `${…}`. */
  readonly text: string;
}

const WORD = /\p{L}{2}/u;
/** Two words, or text in a script without spaces between words. */
const SENTENCE = /\p{L}{2,}[^\s]*\s+\S*\p{L}{2,}|[\u3040-\u30ff\u4e00-\u9fff]{2}/u;
const SHOWN_ATTRIBUTES = new Set(['title', 'alt', 'placeholder', 'label', 'aria-label', 'aria-description']);

/** A literal, a template, or several joined with `+`. */
function isText(node: ts.Node): node is ts.Expression {
  if (ts.isStringLiteralLike(node) || ts.isTemplateExpression(node)) return true;
  if (!ts.isBinaryExpression(node) || node.operatorToken.kind !== ts.SyntaxKind.PlusToken) return false;
  return isText(node.left) || isText(node.right);
}

/** Names of modules, types, keys and tagged templates are read by machines. */
function isForMachines(node: ts.Node): boolean {
  const { parent } = node;
  return (
    ts.isImportDeclaration(parent) ||
    ts.isExportDeclaration(parent) ||
    ts.isExternalModuleReference(parent) ||
    ts.isLiteralTypeNode(parent) ||
    ts.isTaggedTemplateExpression(parent) ||
    (ts.isPropertyAssignment(parent) && parent.name === node) ||
    (ts.isElementAccessExpression(parent) && parent.argumentExpression === node)
  );
}

function isConsole(callee: string): boolean {
  return callee.startsWith('console.') || /^process\.std(out|err)\.write$/.test(callee);
}

/** The kind of the strings inside a call, when the call itself decides it. */
function kindInside(node: ts.Node, file: ts.SourceFile): StringKind | undefined {
  if (ts.isNewExpression(node) && node.expression.getText(file).endsWith('Error')) return 'error';
  if (ts.isCallExpression(node) && isConsole(node.expression.getText(file))) return 'console';
  return undefined;
}

/** Codes of errors are for machines. */
const CODE = /^'[a-z-]+'$/;

function isShown(kind: StringKind, text: string): boolean {
  if (kind === 'error' && CODE.test(text)) return false;
  return (kind === 'text' ? SENTENCE : WORD).test(text);
}

function inTypeScript(path: string, source: string, inCatalogue: boolean, firstLine = 1): FoundString[] {
  const file = ts.createSourceFile(path, source, ts.ScriptTarget.Latest, true, ts.ScriptKind.TS);
  const found: FoundString[] = [];
  const visit = (node: ts.Node, kind: StringKind): void => {
    if (isText(node)) {
      const text = node.getText(file).replace(/\s*\n\s*/g, ' ');
      if (isForMachines(node) || !isShown(kind, text)) return;
      const line = file.getLineAndCharacterOfPosition(node.getStart(file)).line + firstLine;
      found.push({ file: path, line, kind, text });
      return;
    }
    const inside = kindInside(node, file) ?? kind;
    ts.forEachChild(node, (child) => visit(child, inside));
  };
  visit(file, inCatalogue ? 'catalogue' : 'text');
  return found;
}

type MarkupNode = AST.SvelteNode | AST.Root | Record<string, unknown>;

function inMarkup(path: string, source: string): FoundString[] {
  const root = parse(source, { modern: true });
  const lineAt = (offset: number) => source.slice(0, offset).split('\n').length;
  const found: FoundString[] = [];
  const add = (start: number, text: string) => {
    const oneLine = text.replace(/\s+/g, ' ').trim();
    if (WORD.test(oneLine)) found.push({ file: path, line: lineAt(start), kind: 'markup', text: oneLine });
  };
  const visit = (node: MarkupNode): void => {
    if (node.type === 'Text') add((node as AST.Text).start, (node as AST.Text).data);
    if (node.type === 'Attribute' && !SHOWN_ATTRIBUTES.has((node as AST.Attribute).name)) return;
    for (const value of Object.values(node)) {
      for (const child of Array.isArray(value) ? (value as unknown[]) : [value]) {
        if (child && typeof child === 'object' && 'type' in child) visit(child as MarkupNode);
      }
    }
  };
  visit(root.fragment);
  for (const script of [root.instance, root.module]) {
    if (!script) continue;
    const { start } = script.content as unknown as { start: number };
    const { end } = script.content as unknown as { end: number };
    found.push(...inTypeScript(path, source.slice(start, end), false, lineAt(start)));
  }
  return found;
}

/** Every string of `source` that may reach people, in the order of the file. */
export function findStrings(path: string, source: string): FoundString[] {
  if (path.endsWith('.svelte')) return inMarkup(path, source);
  return inTypeScript(path, source, path.startsWith('src/i18n/'));
}
