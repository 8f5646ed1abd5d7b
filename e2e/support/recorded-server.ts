/** A server of the OpenAI chat API that replays a recorded stream, and times itself. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { setTimeout as wait } from 'node:timers/promises';

export interface RecordedServer {
  address: string;
  /** Bodies of the requests for a reply. */
  asked: { model: string; max_tokens: number; stream: boolean; messages: { role: string; content: string }[] }[];
  /** By its own clock, one for each reply. */
  own: { ttftMs: number; decodeTokensPerSecond: number }[];
  /** Answers pages of other origins. */
  cors: boolean;
  close(): Promise<void>;
}

const PROMPT_TOKENS = 40;
const FIRST_MS = 120;
const TOKEN_MS = 25;

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}

export async function startRecordedServer(): Promise<RecordedServer> {
  const state: Pick<RecordedServer, 'asked' | 'own' | 'cors'> = { asked: [], own: [], cors: true };
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    if (state.cors) {
      response.setHeader('Access-Control-Allow-Origin', request.headers.origin ?? '*');
      response.setHeader('Access-Control-Allow-Headers', 'Content-Type');
    }
    if (request.method === 'OPTIONS') return void response.writeHead(204).end();
    const body = JSON.parse(await readBody(request)) as RecordedServer['asked'][0];
    state.asked.push(body);
    if (body.model !== 'recorded')
      return void response
        .writeHead(404)
        .end(JSON.stringify({ error: { message: `model "${body.model}" not found` } }));
    const started = performance.now();
    response.writeHead(200, { 'Content-Type': 'text/event-stream' });
    const send = (data: unknown) =>
      response.write(`data: ${typeof data === 'string' ? data : JSON.stringify(data)}\n\n`);
    const choice = (delta: object, finish_reason: string | null = null) => ({
      choices: [{ index: 0, delta, finish_reason }],
      usage: null,
    });
    send(choice({ role: 'assistant', content: '' }));
    await wait(FIRST_MS);
    const times: number[] = [];
    for (let i = 0; i < body.max_tokens; i++) {
      if (i > 0) await wait(TOKEN_MS);
      times.push(performance.now());
      send(choice({ content: i === 0 ? 'Once' : ` word ${i}` }));
    }
    send(choice({}, 'length'));
    send({ choices: [], usage: { prompt_tokens: PROMPT_TOKENS, completion_tokens: body.max_tokens } });
    send('[DONE]');
    response.end();
    state.own.push({
      ttftMs: times[0]! - started,
      decodeTokensPerSecond: (1000 * (times.length - 1)) / (times.at(-1)! - times[0]!),
    });
  };
  const server = createServer((request, response) => {
    answer(request, response).catch(() => response.destroy()); // the page went away in the middle
  });
  await new Promise<void>((resolve) => server.listen(0, '0.0.0.0', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('The recorded server has no port.');
  return Object.assign(state, {
    address: `http://127.0.0.1:${address.port}/v1`,
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  });
}
