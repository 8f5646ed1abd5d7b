/** Analyses rules before they are compiled: which may be empty, and which begin with themselves. */
import type { Expr, Rule } from './grammar.ts';
import { refuse } from './refusal.ts';

const MOST_RULES = 2_000;

/** Rules that are called in `expr`, each expression looked at once. */
function rulesIn(expr: Expr, seen: Set<Expr>, found: Set<Rule>): void {
  if (seen.has(expr)) return;
  seen.add(expr);
  if (expr.kind === 'rule') found.add(expr.rule);
  else if (expr.kind === 'repeat') rulesIn(expr.body, seen, found);
  else if (expr.kind === 'sequence' || expr.kind === 'choice')
    for (const item of expr.items) rulesIn(item, seen, found);
}

/** All rules that `root` leads to. */
function allRules(root: Expr): Set<Rule> {
  const rules = new Set<Rule>();
  const seen = new Set<Expr>();
  rulesIn(root, seen, rules);
  for (const { body } of rules) if (body) rulesIn(body, seen, rules);
  if (rules.size > MOST_RULES) throw refuse(`it has ${rules.size} rules or parts; the limit is ${MOST_RULES}.`);
  return rules;
}

export class Nullability {
  readonly rules: ReadonlySet<Rule>;
  readonly #nullable = new Set<Rule>();
  #known = new Map<Expr, boolean>();

  constructor(root: Expr) {
    this.rules = allRules(root);
    for (let size = -1; size !== this.#nullable.size;) {
      size = this.#nullable.size;
      this.#known = new Map();
      for (const rule of this.rules) if (rule.body && this.of(rule.body)) this.#nullable.add(rule);
    }
  }

  /** True if it may match the empty text. */
  of(expr: Expr): boolean {
    let known = this.#known.get(expr);
    if (known === undefined) this.#known.set(expr, (known = this.#of(expr)));
    return known;
  }

  #of(expr: Expr): boolean {
    switch (expr.kind) {
      case 'literal':
        return expr.bytes.length === 0;
      case 'set':
      case 'bytes':
      case 'token':
        return false;
      case 'sequence':
        return expr.items.every((item) => this.of(item));
      case 'choice':
        return expr.items.some((item) => this.of(item));
      case 'repeat':
        return expr.min === 0 || this.of(expr.body);
      case 'text':
        return expr.min === 0 && expr.dfa.accepting[0]!;
      case 'rule':
        return this.#nullable.has(expr.rule);
    }
  }
}

/** Rules that may be called before `expr` has read anything. */
function leading(expr: Expr, empty: Nullability, seen: Set<Expr>, found: Set<Rule>): void {
  if (seen.has(expr)) return;
  seen.add(expr);
  if (expr.kind === 'rule') found.add(expr.rule);
  else if (expr.kind === 'repeat') leading(expr.body, empty, seen, found);
  else if (expr.kind === 'choice') for (const item of expr.items) leading(item, empty, seen, found);
  else if (expr.kind === 'sequence')
    for (const item of expr.items) {
      leading(item, empty, seen, found);
      if (!empty.of(item)) return;
    }
}

/** A rule that begins with itself would call itself for ever. */
export function refuseLeftRecursion(empty: Nullability): void {
  const calls = new Map<Rule, Set<Rule>>();
  for (const rule of empty.rules) {
    const found = new Set<Rule>();
    if (rule.body) leading(rule.body, empty, new Set(), found);
    calls.set(rule, found);
  }
  // Remove rules that call no remaining rule, again and again. The rules that remain form a circle.
  for (let removed = true; removed;) {
    removed = false;
    for (const [rule, called] of calls) {
      if ([...called].some((other) => calls.has(other))) continue;
      calls.delete(rule);
      removed = true;
    }
  }
  const [circle] = calls.keys();
  if (circle)
    throw refuse(
      `the rule "${circle.name}" begins with itself, or leads to one that does. Write it with a repetition ("*").`,
    );
}
