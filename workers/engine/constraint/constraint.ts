/** The door of this folder, loaded when a form is asked for: a request's constraint becomes a matcher for one reply. Vocabulary and automata are kept from reply to reply. */
import type { Constraint } from '../../shared/protocol.ts';
import { THINK_CLOSE, THINK_OPEN } from '../../shared/thoughts.ts';
import type { Tokenizer } from '../tokenizer/types.ts';
import { CALL_MARKS, PHI_TOKENS } from '../tokenizer/call-spellings.ts';
import { Automaton } from './automaton.ts';
import { replyExpr, type CallForm } from './calls.ts';
import { complement } from './dfa.ts';
import { parseEbnf } from './ebnf.ts';
import { EMPTY, literal, optional, sequence, type Expr } from './grammar.ts';
import { schemaExpr } from './json-schema.ts';
import { Masks } from './masks.ts';
import { Matcher } from './matcher.ts';
import { compileProgram } from './program.ts';
import { patternDfa, wholeDfa } from './regex.ts';
import { buildVocabulary, type Vocabulary } from './vocabulary.ts';

/** Compiled constraints kept: a chat asks for the same one again and again. */
const MOST_KEPT = 4;

/** How a reply begins before what is asked for: `open`: the template has begun a thought; `may`: the model may think first. */
export type Thinking = 'open' | 'may' | 'never';

export class Constraints {
  readonly #tokenizer: Tokenizer;
  readonly #vocab: number;
  readonly #ends: readonly number[];
  #vocabulary: Vocabulary | null = null;
  readonly #kept = new Map<string, { automaton: Automaton; masks: Masks }>();

  /** `vocab`: rows of the model's head. `ends`: tokens that end its replies. */
  constructor(tokenizer: Tokenizer, vocab: number, ends: readonly number[]) {
    this.#tokenizer = tokenizer;
    this.#vocab = vocab;
    this.#ends = ends;
  }

  /**
   * True if the model thinks before it answers: its vocabulary, or the reply so far, has the mark.
   *
   * @param opening what the template has written of the reply
   * @param begun what there is of the reply already
   */
  thinking(opening: string, begun: string): Thinking {
    if (opening !== '') return 'open';
    return begun.trimStart().startsWith(THINK_OPEN) || this.#tokenizer.tokenId(THINK_OPEN) !== undefined
      ? 'may'
      : 'never';
  }

  /** Bytes of the vocabulary's trees and bits; 0 until a constraint was asked for. */
  get bytes(): number {
    return this.#vocabulary?.bytes ?? 0;
  }

  /** Throws `bad-request` for what cannot be enforced. */
  matcher(constraint: Constraint, thinking: Thinking): Matcher {
    return this.matcherOf(JSON.stringify([constraint, thinking]), () =>
      this.#body(compileConstraint(constraint), thinking),
    );
  }

  /** The same for a reply that may call tools. `constraint`: the form of an answer. */
  callMatcher(
    { constraint, ...form }: Pick<CallForm, 'tools' | 'mayCall' | 'spelling'> & { constraint?: Constraint | undefined },
    thinking: Thinking,
  ): Matcher {
    return this.matcherOf(JSON.stringify([constraint ?? null, form, thinking]), () => {
      const hasTokens = [PHI_TOKENS.token, PHI_TOKENS.endToken].every(
        (text) => this.#tokenizer.tokenId(text) !== undefined,
      );
      const answer = constraint ? compileConstraint(constraint) : null;
      const first = [...CALL_MARKS, ...(thinking === 'may' ? [THINK_OPEN] : [])];
      // What a SentencePiece puts in front is no way around the form.
      const notFirst = this.#tokenizer.stripsSpace ? first.flatMap((mark) => [mark, ` ${mark}`]) : first;
      return this.#body(replyExpr({ ...form, hasTokens, answer, notFirst }), thinking);
    });
  }

  /** A matcher of what `make` gives, which is called where nothing is kept under `key`. */
  matcherOf(key: string, make: () => Expr): Matcher {
    this.#vocabulary ??= buildVocabulary(this.#tokenizer, this.#vocab, this.#ends);
    let kept = this.#kept.get(key);
    if (!kept) {
      const automaton = new Automaton(compileProgram(make()));
      kept = { automaton, masks: new Masks(automaton, this.#vocabulary) };
      if (this.#kept.size >= MOST_KEPT) this.#kept.delete(this.#kept.keys().next().value!);
    } else this.#kept.delete(key);
    this.#kept.set(key, kept); // the one used last is dropped last
    return new Matcher(kept.automaton, kept.masks, this.#vocabulary);
  }

  #body(body: Expr, thinking: Thinking): Expr {
    // The first space of a SentencePiece's reply is not shown.
    const space = this.#tokenizer.stripsSpace ? optional(literal(' ')) : EMPTY;
    if (thinking === 'never') return sequence(space, body);
    const rest = sequence(thought(), literal(THINK_CLOSE), optional(literal('\n')), optional(literal('\n')), body);
    return sequence(
      space,
      thinking === 'open' ? rest : { kind: 'choice', items: [sequence(literal(THINK_OPEN), rest), body] },
    );
  }
}

/** Any text without the mark that ends a thought. Made when a model that thinks needs it, not when the worker starts. */
const thought = (): Expr => ({
  kind: 'text',
  dfa: complement(patternDfa('<\\/think>')),
  min: 0,
  max: Infinity,
  form: 'raw',
});

export function compileConstraint(constraint: Constraint): Expr {
  switch (constraint.kind) {
    case 'json':
      return schemaExpr(constraint.schema);
    case 'regex':
      return { kind: 'text', dfa: wholeDfa(constraint.pattern), min: 0, max: Infinity, form: 'raw' };
    case 'ebnf':
      return parseEbnf(constraint.grammar);
  }
}

/** Throws `bad-request` for a form that no reply can be held to. */
export function checkConstraint(constraint: Constraint): void {
  compileProgram(compileConstraint(constraint));
}
