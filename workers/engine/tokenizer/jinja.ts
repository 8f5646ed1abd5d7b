/**
 * Jinja templates of strangers, rendered within bounds. @huggingface/jinja interprets over value types of its own: no template reaches a
 * JavaScript object, a global or a prototype. How templates are read is in jinja-lexer.ts, what bounds their work in
 * jinja-interpreter.ts. Anything that still does not end is ended with the worker.
 */
import { parse } from '@huggingface/jinja';
import { PhiError } from '../../shared/errors.ts';
import { globals, TemplateRefusal } from './jinja-globals.ts';
import { BoundedInterpreter } from './jinja-interpreter.ts';
import { tokenizeTemplate } from './jinja-lexer.ts';
import { printedNodes } from './jinja-print.ts';
import { TemplateLimit } from './jinja-size.ts';
export { TemplateRefusal } from './jinja-globals.ts';

/** The longest chat templates in use have 30 KB. */
const MAX_SOURCE = 128 * 1024;
/** Templates in use are far smaller. */
const MAX_BLANK_RUN = 2000;
/** A fixed time, and more for long conversations: a phone renders about 500 characters in a millisecond. */
const MAX_MS = 1000;
const CHARACTERS_PER_MS = 256;
/** Characters of any value: a fixed allowance and a multiple of what the template was given. */
const BASE_SIZE = 1 << 20;
const SIZE_FACTOR = 4;

export interface JinjaTemplate {
  /**
   * Throws TemplateRefusal where the template does, `bad-model` past a bound, `unsupported-model` where it fails otherwise.
   * `maxMs` is for tests.
   */
  render(variables: Readonly<Record<string, unknown>>, maxMs?: number): string;
}

/** Throws `bad-model` for a source that is not a Jinja template or is too large. */
export function parseJinja(source: string): JinjaTemplate {
  if (source.length > MAX_SOURCE) throw damaged(`it has ${source.length} characters, more than ${MAX_SOURCE}`);
  if (new RegExp(`\\s{${MAX_BLANK_RUN}}`).test(source))
    throw damaged(`it has more than ${MAX_BLANK_RUN} blanks in a row`);
  let program: ReturnType<typeof parse>;
  try {
    program = parse(tokenizeTemplate(source));
  } catch (cause) {
    throw damaged(cause instanceof Error ? cause.message : String(cause), cause);
  }
  const printed = printedNodes(program);
  return {
    render(variables, maxMs) {
      const environment = globals();
      for (const [name, value] of Object.entries(variables)) environment.set(name, value);
      const given = JSON.stringify(variables).length;
      const deadline = maxMs ?? MAX_MS + given / CHARACTERS_PER_MS;
      try {
        const interpreter = new BoundedInterpreter(environment, BASE_SIZE + SIZE_FACTOR * given, deadline, printed);
        return interpreter.run(program).toString();
      } catch (cause) {
        if (cause instanceof TemplateRefusal || cause instanceof PhiError) throw cause;
        if (cause instanceof TemplateLimit) throw damaged(cause.message, cause);
        const why = cause instanceof Error ? cause.message : String(cause);
        throw new PhiError('unsupported-model', `The model's chat template cannot be rendered: ${why}`, undefined, {
          cause,
        });
      }
    },
  };
}

function damaged(why: string, cause?: unknown): PhiError {
  return new PhiError('bad-model', `The model's chat template is not usable: ${why}.`, undefined, { cause });
}
