/** A server of the OpenAI chat API for tests of chats: what it does depends on the last message, and it keeps what it was asked. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { setTimeout as wait } from 'node:timers/promises';

interface Asked {
  model: string;
  messages: { role: string; content: string }[];
  temperature: number;
  max_tokens: number;
  response_format?: { type: string; json_schema: { schema: unknown } };
}

export interface ChatServer {
  address: string;
  asked: Asked[];
  /** The Authorization header of each request, lists of models included. */
  keys: (string | undefined)[];
  /** Replies that the page left before their end. */
  left: number;
  /** With one, requests without it are refused, and the refusal repeats what was sent. */
  key: string | null;
  close(): Promise<void>;
}

const KINDS: Readonly<Record<string, (response: ServerResponse) => Promise<void>>> = {
  /** As servers answer that know schemas. */
  async json(response) {
    for (const part of ['{"title": ', '"Ran", ', '"year": 1985}']) send(response, { content: part });
    await wait(1);
    finish(response, 'stop');
  },
  /** For ever, until it is stopped. */
  async endless(response) {
    for (let i = 0; !response.destroyed; i++) {
      send(response, { content: `word${i} ` });
      await wait(20);
    }
  },
  async ponder(response) {
    for (const word of ['I ', 'think.']) send(response, { reasoning_content: word });
    for (const word of ['It ', 'is ', '*so*.']) send(response, { content: word });
    await wait(1);
    finish(response, 'stop');
  },
  huge(response) {
    response.end(`data: ${'x'.repeat(3_000_000)}`);
    return Promise.resolve();
  },
  full(response) {
    send(response, { content: 'So ' });
    response.end('error: {"code":400,"message":"the request exceeds the available context size"}\n\n');
    return Promise.resolve();
  },
  whole(response) {
    response.setHeader('Content-Type', 'application/json');
    response.end(JSON.stringify({ choices: [{ message: { content: 'All at once.' }, finish_reason: 'stop' }] }));
    return Promise.resolve();
  },
  async plain(response) {
    for (let i = 0; i < 20; i++) {
      send(response, { content: i === 0 ? 'Served' : ` w${i}` });
      await wait(5);
    }
    finish(response, 'stop');
  },
};

function send(response: ServerResponse, delta: object): void {
  response.write(`data: ${JSON.stringify({ choices: [{ index: 0, delta, finish_reason: null }] })}\n\n`);
}

function finish(response: ServerResponse, reason: string): void {
  const usage = { prompt_tokens: 40, completion_tokens: 20, prompt_tokens_details: { cached_tokens: 10 } };
  response.write(`data: ${JSON.stringify({ choices: [{ index: 0, delta: {}, finish_reason: reason }] })}\n\n`);
  response.end(`data: ${JSON.stringify({ choices: [], usage })}\n\ndata: [DONE]\n\n`);
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}

async function answer(state: ChatServer, request: IncomingMessage, response: ServerResponse): Promise<void> {
  response.setHeader('Access-Control-Allow-Origin', '*');
  response.setHeader('Access-Control-Allow-Headers', 'Content-Type, Authorization');
  if (request.method === 'OPTIONS') return void response.writeHead(204).end();
  const { authorization } = request.headers;
  state.keys.push(authorization);
  if (state.key !== null && authorization !== `Bearer ${state.key}`)
    return void response
      .writeHead(401)
      .end(JSON.stringify({ error: { message: `Wrong key: ${authorization ?? ''}` } }));
  if (request.url === '/v1/models') {
    response.setHeader('Content-Type', 'application/json');
    return void response.end(JSON.stringify({ object: 'list', data: [{ id: 'phi-4' }, { id: 'other' }] }));
  }
  const body = JSON.parse(await readBody(request)) as Asked;
  state.asked.push(body);
  const last = body.messages.findLast(({ role }) => role === 'user')!.content.toLowerCase();
  if (last.includes('redirect')) return void response.writeHead(307, { Location: 'http://127.0.0.1:9/v1' }).end();
  if (last.includes('missing')) return void response.writeHead(404).end('{"error":"model not found"}');
  response.on('close', () => {
    if (!response.writableFinished) state.left++;
  });
  response.setHeader('Content-Type', 'text/event-stream');
  const form = body.response_format && !last.includes('unaware') ? 'json' : null;
  const kind = form ?? Object.keys(KINDS).find((name) => last.includes(name)) ?? 'plain';
  await KINDS[kind]!(response);
}

export async function startChatServer(): Promise<ChatServer> {
  const state: ChatServer = {
    address: '',
    asked: [],
    keys: [],
    left: 0,
    key: null,
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  const server = createServer((request, response) => {
    answer(state, request, response).catch(() => response.destroy()); // the page went away in the middle
  });
  await new Promise<void>((resolve) => server.listen(0, '0.0.0.0', resolve));
  const bound = server.address();
  if (bound === null || typeof bound === 'string') throw new Error('The chat server has no port.');
  state.address = `http://127.0.0.1:${bound.port}/v1`;
  return state;
}
