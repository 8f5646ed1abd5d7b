/** Server-sent events of a chat completion, as far as the OpenAI API uses them: `data:` lines, one event each. */

/** Longest line that is waited for; no chunk of a chat is near it. */
const LONGEST_LINE = 1024 * 1024;

/** The data of each event, up to `[DONE]` or the end. Throws when a line grows without end. */
export async function* eventData(body: ReadableStream<Uint8Array<ArrayBuffer>>): AsyncGenerator<string> {
  let rest = '';
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      const lines = (rest + value).split(/\r\n|\n|\r/);
      rest = lines.pop()!;
      for (const line of lines) {
        const data = dataOf(line);
        if (data === '[DONE]') return;
        if (data !== null) yield data;
      }
      if (rest.length > LONGEST_LINE) throw new Error(`a line has more than ${LONGEST_LINE} characters`);
    }
    const data = dataOf(rest);
    if (data !== null && data !== '[DONE]') yield data;
  } finally {
    await reader.cancel();
  }
}

const dataOf = (line: string): string | null => (line.startsWith('data:') ? line.slice(5).trim() : null);
