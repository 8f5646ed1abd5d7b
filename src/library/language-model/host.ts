/** What a session needs of the model behind it. */
import type { ChatMessage, Constraint, Sampling, ToolRound } from '../../../workers/shared/protocol.ts';
import type { Tool } from '../../tools/tool.ts';
import type { Availability } from './types.ts';

export interface HostRequest {
  messages: ChatMessage[];
  sampling: Sampling;
  maxTokens: number;
  /** The last message is the beginning of the reply. */
  prefix: boolean;
  constraint: Constraint | null;
  /** What the reply may call; absent: nothing. Only for a host that takes tools. */
  tools?: readonly Tool[];
}

export interface HostReply {
  /** Tokens in the context when the reply has ended, itself included. */
  contextTokens: number;
  /** Calls of tools before the answer, and the answer without what was said before them; absent: no tool was called. */
  called?: { rounds: readonly ToolRound[]; answer: string };
}

/** What a session needs of a model: one is shared by all of its sessions. */
export interface LanguageModelHost {
  /** Replies can call tools. Absent: they cannot. */
  readonly takesTools?: boolean;
  availability(): Promise<Availability>;
  /** Loads the model where it is not loaded, after downloading it where it is not stored. Progress goes from 0 to 1. */
  ready(onDownload: (fraction: number) => void, signal: AbortSignal): Promise<{ contextLength: number }>;
  /** Tokens of a prompt that is made of the messages; Infinity where the context does not hold them. */
  measure(messages: ChatMessage[], tools?: readonly Tool[]): Promise<number>;
  /** Streams the reply's text; stops softly by `signal`. */
  reply(request: HostRequest, signal: AbortSignal): AsyncGenerator<string, HostReply, void>;
}
