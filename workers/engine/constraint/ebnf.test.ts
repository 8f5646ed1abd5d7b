import { describe, expect, it } from 'vitest';
import { acceptsText, automatonOf } from './testing/forms.ts';

const accepts = (grammar: string, text: string): boolean => acceptsText(automatonOf({ kind: 'ebnf', grammar }), text);

const ARITHMETIC = `
# left to right
root ::= term (("+" | "-") term)*
term ::= factor ("*" factor)*
factor ::= [0-9]+ | "(" root ")"
`;

describe('parseEbnf', () => {
  it.each([
    [ARITHMETIC, '1+2*(3-4)', true],
    [ARITHMETIC, '1+2*(3-4', false],
    [ARITHMETIC, '', false],
    ['root ::= "a"{2,3} "b"?', 'aab', true],
    ['root ::= "a"{2,3} "b"?', 'ab', false],
    ['root ::= [^x]* "x"', 'é日\nx', true],
    ["root ::= 'it''s' | \"\\\"\\u65e5\\x41\"", '"日A', true],
    ['root ::= a\na ::= "x" a "y" | ', 'xxyy', true],
    ['root ::= a\na ::= "x" a "y" | ', 'xxy', false],
    ['root ::= ("a" | "b"\n | "c")\n  | "d"', 'd', true],
    ['root ::= . "!"', '👍!', true],
    ['root ::= ("a"*)*', 'aaa', true],
    ['root ::= ("a"?){3}', 'aa', true],
    ['root ::= ("a"?){3}', 'aaaa', false],
    // llama.cpp takes blanks before a count and names that begin with a digit; xgrammar goes on in the next line.
    ['root ::= "a" * "b" ? [c-d] {2,3}', 'aabcd', true],
    ['root ::= "a" * "b" ? [c-d] {2,3}', 'aabbc', false],
    ['root ::= 0a\r\n0a ::= "x"\r\n', 'x', true],
    ['root ::= "a" "b"\n  "c" # and\n  d\nd ::= "d"', 'abcd', true],
    ['root ::= "a"\n\n  | "b"\n\n', 'b', true],
  ])('%j on %j: %s', (grammar, text, right) => expect(accepts(grammar, text)).toBe(right));

  it.each([
    ['a ::= "x"', 'no rule "root"'],
    ['root ::= a', '"a" is not defined'],
    ['root ::= "x', 'does not end'],
    ['root ::= root "x" | "y"', 'begins with itself'],
    ['root ::= a "x"\na ::= b?\nb ::= root', 'begins with itself'],
    ['root ::= ("a"?){1,99}', 'may be empty'],
    ['root ::= "a"\n\nroot ::= "b"', 'line 3: the rule "root" is defined twice'],
    ['root ::= [b-a]', 'out of order'],
    ['root ::= "\\q"', 'escape'],
    [`root ::= ${'('.repeat(200)}"a"${')'.repeat(200)}`, 'groups are nested more than'],
  ])('refuses %j: %s', (grammar, message) => expect(() => accepts(grammar, '')).toThrow(message));

  it('does not need the power of two for what is written twice', () => {
    const rules = Array.from({ length: 60 }, (_, i) => `r${i} ::= "a" r${i + 1} | "a" r${i + 1} | r${i + 1}`);
    const automaton = automatonOf({ kind: 'ebnf', grammar: `root ::= r0\n${rules.join('\n')}\nr60 ::= "b"` });
    expect(acceptsText(automaton, `${'a'.repeat(60)}b`)).toBe(true);
    expect(acceptsText(automaton, `${'a'.repeat(61)}b`)).toBe(false);
  });
});
