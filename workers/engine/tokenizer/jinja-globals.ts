/** The globals that a chat template sees besides its messages. */
import { Environment } from '@huggingface/jinja';
import { TemplateLimit } from './jinja-size.ts';

const MAX_RANGE = 30_000;
/** The longest format in use has about 20 characters. */
const MAX_FORMAT = 200;
/** Longest message of a template's refusal; it is shown to a person. */
const MAX_REASON = 500;

/** The argument of `raise_exception`: the template refuses its input. */
export class TemplateRefusal extends Error {}

export function globals(): Environment {
  const environment = new Environment();
  for (const name of ['true', 'True']) environment.set(name, true);
  for (const name of ['false', 'False']) environment.set(name, false);
  for (const name of ['none', 'None']) environment.set(name, null);
  environment.set('raise_exception', (message: unknown) => {
    throw new TemplateRefusal(typeof message === 'string' ? message.slice(0, MAX_REASON) : 'no reason given');
  });
  environment.set('range', range);
  environment.set('strftime_now', (format: unknown) => strftime(new Date(), String(format)));
  return environment;
}

function range(...args: unknown[]): number[] {
  const numbers = args.filter((value): value is number => Number.isSafeInteger(value));
  if (numbers.length !== args.length || args.length < 1 || args.length > 3)
    throw new Error('range() takes one to three whole numbers');
  const [start, stop, step] = numbers.length === 1 ? [0, numbers[0]!, 1] : [numbers[0]!, numbers[1]!, numbers[2] ?? 1];
  if (step === 0) throw new Error('range() does not allow a step of 0');
  const length = Math.max(0, Math.ceil((stop - start) / step));
  if (length > MAX_RANGE) throw new TemplateLimit(`it counts to ${length}`);
  return Array.from({ length }, (_, i) => start + i * step);
}

// As in Python's C locale. `Intl` makes a formatter for each name, which took 75 s of a hostile template.
const MONTHS = 'January February March April May June July August September October November December'.split(' ');
const DAYS = 'Sunday Monday Tuesday Wednesday Thursday Friday Saturday'.split(' ');

/** The directives that chat templates use, as glibc writes them: `%-d` is `%d` without its zero. Others stay as they are. */
function strftime(date: Date, format: string): string {
  if (format.length > MAX_FORMAT) throw new TemplateLimit(`it asks for a date in ${format.length} characters`);
  const two = (value: number) => String(value).padStart(2, '0');
  const hour = date.getHours() % 12 || 12;
  const dayOfYear = Math.round(
    (+new Date(date).setHours(12, 0, 0, 0) - +new Date(date.getFullYear(), 0, 0, 12)) / 864e5,
  );
  const month = MONTHS[date.getMonth()]!;
  const day = DAYS[date.getDay()]!;
  const parts: Readonly<Record<string, string>> = {
    Y: String(date.getFullYear()),
    m: two(date.getMonth() + 1),
    d: two(date.getDate()),
    H: two(date.getHours()),
    M: two(date.getMinutes()),
    S: two(date.getSeconds()),
    B: month,
    b: month.slice(0, 3),
    A: day,
    a: day.slice(0, 3),
    y: two(date.getFullYear() % 100),
    e: String(date.getDate()).padStart(2),
    I: two(hour),
    p: date.getHours() < 12 ? 'AM' : 'PM',
    j: String(dayOfYear).padStart(3, '0'),
    '%': '%',
  };
  const whole: Readonly<Record<string, string>> = { F: '%Y-%m-%d', T: '%H:%M:%S', R: '%H:%M', D: '%m/%d/%y' };
  return format
    .replace(/%([FTRD%])/g, (same, directive: string) => whole[directive] ?? same)
    .replace(/%(-?)(.)/g, (same, bare: string, directive: string) => {
      const part = Object.hasOwn(parts, directive) ? parts[directive]! : same;
      return bare && part !== same ? part.replace(/^[0 ]+(?=\d)/, '') : part;
    });
}
