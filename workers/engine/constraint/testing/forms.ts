/** Constraints in tests: what an automaton accepts, and replies written by chance under its masks. */
import type { Constraint } from '../../../shared/protocol.ts';
import { uniforms } from '../../generate/random.ts';
import { Automaton, type State } from '../automaton.ts';
import { compileConstraint } from '../constraint.ts';
import { hasBit, Masks } from '../masks.ts';
import { Matcher } from '../matcher.ts';
import { compileProgram } from '../program.ts';
import type { Vocabulary } from '../vocabulary.ts';

export const automatonOf = (constraint: Constraint): Automaton =>
  new Automaton(compileProgram(compileConstraint(constraint)));

/** True if the whole text has the form. */
export function acceptsText(automaton: Automaton, text: string): boolean {
  let state: State | null = automaton.start;
  for (const byte of new TextEncoder().encode(text)) state = state && automaton.step(state, byte);
  return state !== null && state.accepting;
}

export function matcherOf(automaton: Automaton, vocabulary: Vocabulary): Matcher {
  return new Matcher(automaton, new Masks(automaton, vocabulary), vocabulary);
}

/** A reply of at most `limit` tokens, chosen by chance among those that the masks allow; without the token that ends it. */
export function writeByChance(matcher: Matcher, vocabulary: Vocabulary, seed: number, limit: number): number[] {
  const draw = uniforms(seed);
  const ids: number[] = [];
  const { ends } = vocabulary;
  while (ids.length < limit && !matcher.ended) {
    const forced = matcher.forced(limit - ids.length, limit - ids.length);
    const mask = forced.length > 0 ? null : matcher.mask(limit - ids.length);
    const allowed = mask ? [...Array(32 * mask.length).keys()].filter((id) => hasBit(mask, id)) : [];
    if (mask && allowed.length === 0) throw new Error(`Nothing may follow ${vocabulary.tokenizer.decode(ids)}`);
    const next = mask ? [allowed[Math.floor(draw() * allowed.length)]!] : forced;
    if (ends.includes(next[0]!)) break;
    matcher.push(next);
    ids.push(...next);
  }
  return ids;
}
