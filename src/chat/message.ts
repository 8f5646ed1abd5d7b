/** A message of a conversation, as it is shown and stored. */
import type { ErrorShape } from '../../workers/shared/errors.ts';
import type { PageUnit } from '../../workers/shared/document-types.ts';
import type { GenerateStats, Moved, StopReason, ToolRound } from '../../workers/shared/protocol.ts';

export interface ReplyInfo {
  /** `streaming` in storage means that the page went away in the middle. */
  state: 'streaming' | 'done' | 'partial';
  seed: number;
  /** Name of the model, for people. */
  model: string;
  /** A person changed its words. */
  edited?: boolean;
  /** Origin of the server that made it; absent: it was made on this page. */
  server?: string;
  reason?: StopReason;
  stats?: GenerateStats;
  error?: ErrorShape;
  /** A text is shown as it stands. */
  notices?: (string | Moved)[];
  /** Messages before it on its path, oldest first, that were no longer in its context. */
  dropped?: number;
  /** It was held to a JSON schema. */
  json?: boolean;
  /** The tools that it called before `content`, with their results. */
  rounds?: readonly ToolRound[];
  /** How long the model thought before it answered (`<think>`). */
  thoughtMs?: number;
}

/** Text of a document that went to the model: a passage, or a whole page. */
export interface GivenText {
  /** From 1. */
  page: number;
  /** Characters of the page's text, end exclusive. */
  start: number;
  end: number;
  text: string;
  /** The sentence of a passage that suits the question best. */
  quote?: string;
}

/** A document that goes with a message. */
export interface MessageDocument {
  id: string;
  name: string;
  unit: PageUnit;
  pageCount: number;
  /** What the model was given of it; absent until the reply begins. The text is kept, so that it stays when the document is deleted. */
  given?: {
    whole: boolean;
    /** Of its text in the prompt. */
    tokens: number;
    texts: GivenText[];
  };
}

export interface Message {
  id: string;
  /** null: a first message. */
  parent: string | null;
  role: 'user' | 'assistant';
  content: string;
  createdAt: number;
  /** Only for the person's messages. */
  documents?: MessageDocument[];
  /** Only for assistant messages. */
  reply?: ReplyInfo;
}
