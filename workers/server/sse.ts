/**
 * Server-sent events of a chat completion, as servers send them: `data:` lines, usually one an event, sometimes without the empty line
 * between, sometimes several lines of one value; errors as `event: error`, as `error:` lines (llama.cpp) or as bare JSON.
 */

/** Longest line that is waited for; no chunk of a chat is near it. */
const LONGEST_LINE = 1024 * 1024;
/** Most characters that are read of one answer, unless the caller allows more. */
export const LONGEST_BODY = 16 * 1024 * 1024;

export interface ServerEvent {
  /** The server says by the event's form that it failed. */
  failed: boolean;
  data: string;
}

/** Each event, up to `[DONE]` or the end. Throws when a line or the whole grows without end. The body is given up when the loop is left. */
export async function* serverEvents(
  body: ReadableStream<Uint8Array<ArrayBuffer>>,
  longest = LONGEST_BODY,
): AsyncGenerator<ServerEvent> {
  let failed = false;
  /** The event's data that was given on already, and whether as that of a failure. */
  let given = { data: '', failed: false };
  /** Lines of data that do not form a value yet. */
  let held: string[] = [];
  for await (const line of lines(body, longest)) {
    const [, field = '', value = ''] = /^(data|event|error)\s*:(.*)$/s.exec(line) ?? [];
    const text = value.trim();
    if (field === 'event') failed = /error/i.test(text);
    else if (field === 'error') yield { failed: true, data: text };
    else if (field === 'data' && text !== '') {
      held.push(text);
      const data = held.join('\n');
      if (data === '[DONE]') return;
      if (!failed && !isWhole(data)) continue;
      held = [];
      given = { data, failed };
      yield given;
    } else if (line.trim() === '') {
      yield* rest(held, failed, given);
      held = [];
      failed = false;
      given = { data: '', failed: false };
    } else if (/^\s*[[{]/.test(line)) yield { failed: false, data: line.trim() };
  }
  yield* rest(held, failed, given);
}

/** What the end of an event still has to say. A failure may have its name behind its data, or no data at all. */
function* rest(held: readonly string[], failed: boolean, given: ServerEvent): Generator<ServerEvent> {
  if (held.length > 0) yield { failed, data: held.join('\n') };
  else if (failed && !given.failed) yield { failed, data: given.data };
}

/** True if more text cannot help: text that does not begin like JSON cannot become JSON. */
function isWhole(data: string): boolean {
  if (!/^[[{"]/.test(data)) return true;
  try {
    JSON.parse(data);
    return true;
  } catch {
    return false;
  }
}

async function* lines(body: ReadableStream<Uint8Array<ArrayBuffer>>, longest: number): AsyncGenerator<string> {
  let parts: string[] = [];
  let length = 0;
  let total = 0;
  let blank = false;
  /** The last piece ended between the two characters of a line end. */
  let halved = false;
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      total += value.length;
      if (total > longest) throw new Error(`it sent more than ${longest} characters`);
      const text = halved && value.startsWith('\n') ? value.slice(1) : value;
      if (value !== '') halved = value.endsWith('\r');
      const [first = '', ...rest] = text.split(/\r\n|\n|\r/);
      parts.push(first);
      length += first.length;
      assertLength(length);
      for (const next of rest) {
        const line = parts.join('');
        // Many empty lines mean the same as one, and there could be millions.
        if (line !== '' || !blank) yield line;
        blank = line === '';
        parts = [next];
        length = next.length;
        assertLength(length);
      }
    }
    yield parts.join('');
  } finally {
    await reader.cancel();
  }
}

function assertLength(length: number): void {
  if (length > LONGEST_LINE) throw new Error(`a line has more than ${LONGEST_LINE} characters`);
}

/** The beginning of a body, as text; the rest is given up. */
export async function readStart(
  body: ReadableStream<Uint8Array<ArrayBuffer>> | null,
  most = 64 * 1024,
): Promise<string> {
  if (!body) return '';
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  try {
    while (text.length < most) {
      const { done, value } = await reader.read();
      if (done) break;
      text += value;
    }
    return text.slice(0, most);
  } finally {
    await reader.cancel();
  }
}
