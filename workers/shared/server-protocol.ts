/** Between the page and the worker that chats with servers (chat.worker.ts). Types only; rejections are `PhiError`s. */
import type { ChatMessage, Constraint, GenerateEvent, JobId, Sampling } from './protocol.ts';

export interface ChatServer {
  /** With the path of the API, without a slash at the end: "http://127.0.0.1:8080/v1". */
  address: string;
  /** As the server names it. */
  model: string;
}

export interface ServerReplyRequest {
  messages: ChatMessage[];
  sampling: Sampling;
  maxTokens: number;
  /** The last message is an unfinished reply to go on with. */
  continueLast?: boolean;
  /** A JSON schema is sent along. The server must enforce it; the app cannot. */
  constraint?: Constraint;
}

export interface ChatServerApi {
  /** Keeps the key for the origin of `address`, in this worker's memory alone; '' forgets it. Rejects where a key must not be sent. */
  setKey(address: string, key: string): Promise<void>;
  /** Names of the models that the server offers. */
  models(address: string): Promise<string[]>;
  /** Streams `text` events, then `end`. A soft stop by `abort` gives `end` with the reason `cancelled`. */
  reply(
    job: JobId,
    server: ChatServer,
    request: ServerReplyRequest,
    onEvent: (event: GenerateEvent) => void,
  ): Promise<void>;
  abort(job: JobId): Promise<void>;
}
