/** What a session needs of the model behind it. */
import type { ChatMessage, Constraint, Sampling } from '../../../workers/shared/protocol.ts';
import type { Availability } from './types.ts';

export interface HostRequest {
  messages: ChatMessage[];
  sampling: Sampling;
  maxTokens: number;
  /** The last message is the beginning of the reply. */
  prefix: boolean;
  constraint: Constraint | null;
}

export interface HostReply {
  /** Tokens in the context when the reply has ended, itself included. */
  contextTokens: number;
}

/** What a session needs of a model: one is shared by all of its sessions. */
export interface LanguageModelHost {
  availability(): Promise<Availability>;
  /** Loads the model where it is not loaded, after downloading it where it is not stored. Progress goes from 0 to 1. */
  ready(onDownload: (fraction: number) => void, signal: AbortSignal): Promise<{ contextLength: number }>;
  /** Tokens of a prompt that is made of the messages; Infinity where the context does not hold them. */
  measure(messages: ChatMessage[]): Promise<number>;
  /** Streams the reply's text; stops softly by `signal`. */
  reply(request: HostRequest, signal: AbortSignal): AsyncGenerator<string, HostReply, void>;
}
