/** A static server that fails on demand, one request at a time, in the ways that real servers fail. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

export type ServerFault =
  /** Cuts the connection after this many bytes of the body. */
  | { kind: 'drop'; afterBytes: number }
  /** Sends nothing more after this many bytes, but keeps the connection open. */
  | { kind: 'stall'; afterBytes: number }
  /** Ends cleanly after this many bytes, without Content-Length. */
  | { kind: 'short'; bytes: number }
  /** The body comes in pieces with pauses. */
  | { kind: 'drip'; bytes: number; pauseMs: number }
  | { kind: 'status'; status: number; retryAfter?: string }
  /** 200 and the whole file, whatever was asked. */
  | { kind: 'ignore-range' }
  /** Content-Length announces this many bytes more (or fewer) than are sent. */
  | { kind: 'wrong-length'; difference: number }
  /** One byte of the body is flipped. */
  | { kind: 'wrong-byte'; at: number }
  /** The answer to a range has the right length and headers, and the bytes from the start of the file. */
  | { kind: 'wrong-place' }
  | { kind: 'etag'; etag: string }
  | { kind: 'redirect'; to: string };

export interface ServedFile {
  bytes: Uint8Array;
  etag?: string;
}

export interface LoggedRequest {
  path: string;
  range: string | null;
  ifRange: string | null;
  status: number;
  /** First byte of the file in the body, and how many bytes of it were handed to the socket. */
  from: number;
  sent: number;
  fault: ServerFault['kind'] | null;
}

export class FaultServer {
  /** By path, with a leading slash. */
  readonly files = new Map<string, ServedFile>();
  readonly log: LoggedRequest[] = [];
  /** Asked at every request; null serves it as it should be. */
  fault: (path: string, range: string | null) => ServerFault | null = () => null;
  /** Headers that other origins may read, as in Access-Control-Expose-Headers; null: no CORS at all. */
  exposed: string | null = null;
  readonly #server: Server;

  constructor() {
    this.#server = createServer((request, response) => {
      this.#answer(request, response).catch(() => response.destroy());
    });
  }

  async start(): Promise<this> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return this;
  }

  get origin(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = new URL(request.url ?? '/', this.origin).pathname;
    const range = request.headers.range ?? null;
    const ifRange = (request.headers['if-range'] as string | undefined) ?? null;
    const fault = this.fault(path, range);
    const entry: LoggedRequest = { path, range, ifRange, status: 200, from: 0, sent: 0, fault: fault?.kind ?? null };
    this.log.push(entry);
    const finish = (status: number, headers: Record<string, string> = {}) => {
      entry.status = status;
      response.writeHead(status, headers).end();
    };
    if (this.exposed !== null) {
      response.setHeader('Access-Control-Allow-Origin', '*');
      response.setHeader('Access-Control-Expose-Headers', this.exposed);
    }
    if (fault?.kind === 'status')
      return finish(fault.status, fault.retryAfter === undefined ? {} : { 'Retry-After': fault.retryAfter });
    if (fault?.kind === 'redirect') return finish(302, { Location: fault.to });
    const file = this.files.get(path);
    if (!file) return finish(404);

    const etag = fault?.kind === 'etag' ? fault.etag : file.etag;
    const asked = /^bytes=(\d+)-(\d*)$/.exec(range ?? '');
    const honoured = asked && fault?.kind !== 'ignore-range' && (ifRange === null || ifRange === etag);
    const from = honoured ? Number(asked[1]) : 0;
    const to = honoured && asked[2] ? Math.min(Number(asked[2]), file.bytes.length - 1) : file.bytes.length - 1;
    if (honoured && from >= file.bytes.length) return finish(416, { 'Content-Range': `bytes */${file.bytes.length}` });
    entry.status = honoured ? 206 : 200;
    entry.from = from;
    const headers: Record<string, string> = { 'Content-Type': 'application/octet-stream', 'Accept-Ranges': 'bytes' };
    if (etag) headers['ETag'] = etag;
    if (honoured) headers['Content-Range'] = `bytes ${from}-${to}/${file.bytes.length}`;
    const start = honoured && fault?.kind === 'wrong-place' ? 0 : from;
    const body = Uint8Array.from(file.bytes.subarray(start, start + to + 1 - from));
    await sendBody(response, headers, body, fault, entry);
  }
}

async function sendBody(
  response: ServerResponse,
  headers: Record<string, string>,
  body: Uint8Array,
  fault: ServerFault | null,
  entry: LoggedRequest,
): Promise<void> {
  const difference = fault?.kind === 'wrong-length' ? fault.difference : 0;
  if (fault?.kind !== 'short') headers['Content-Length'] = String(Math.max(body.length + difference, 0));
  response.writeHead(entry.status, headers);
  if (fault?.kind === 'wrong-byte' && body.length > 0) body[fault.at % body.length]! ^= 0xff;
  const cut =
    fault?.kind === 'drop' || fault?.kind === 'stall'
      ? fault.afterBytes
      : fault?.kind === 'short'
        ? fault.bytes
        : body.length + Math.min(difference, 0);
  const piece = fault?.kind === 'drip' ? fault.bytes : 64 * 1024;
  for (let at = 0; at < Math.min(cut, body.length); at += piece) {
    const chunk = body.subarray(at, Math.min(at + piece, cut));
    if (response.destroyed) return;
    await new Promise<void>((resolve) => response.write(chunk, () => resolve()));
    entry.sent += chunk.length;
    if (fault?.kind === 'drip') await sleep(fault.pauseMs);
  }
  if (fault?.kind === 'stall') return;
  // An error overtakes bytes that the client has received and not read yet, and they are lost: give it time.
  if (fault?.kind === 'drop' || difference > 0) return void setTimeout(() => response.destroy(), 15);
  response.end();
}
