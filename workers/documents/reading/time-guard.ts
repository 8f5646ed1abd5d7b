/**
 * A bound on the time of one page, for a parser that has none of its own: pdf.js asks for the time between the operators of a page, and that is
 * where it can be stopped. Only for a worker that does nothing but read documents.
 */

let until = Infinity;
let exceeded = false;
let installed = false;

const tooLong = () => new RangeError('The page takes too long.');

/** Runs `read`, and makes `Date.now()` throw in this thread once it has taken `ms`. Rejects then, even if the parser swallows that. */
export async function withinTime<T>(ms: number, read: () => Promise<T>): Promise<T> {
  if (!installed) {
    installed = true;
    const now = Date.now;
    Date.now = () => {
      const time = now();
      exceeded ||= time > until;
      if (exceeded) throw tooLong();
      return time;
    };
  }
  until = Date.now() + ms;
  try {
    const result = await read();
    if (exceeded) throw tooLong();
    return result;
  } finally {
    until = Infinity;
    exceeded = false;
  }
}
