/**
 * A conversation is a tree of messages: an edit or a regenerated reply is a sibling, and `tip` says which leaf is shown. Pure
 * functions; every change gives a new object.
 */
import { newId } from '../../workers/shared/new-id.ts';
import type { ChatMessage } from '../../workers/shared/protocol.ts';
import type { SamplingValues } from '../settings/settings.svelte.ts';
import { withDocuments } from '../documents/prompt.ts';
import type { Message, MessageDocument } from './message.ts';
import { isServer, type ModelChoice, type ServerConsent } from './model-choice.ts';
import { append, childrenOf, find, positionOf, replace } from './tree.ts';

export type { Message, MessageDocument, ReplyInfo } from './message.ts';

export interface Conversation {
  format: 1;
  id: string;
  title: string;
  /** The person gave the title; otherwise it follows the first message. */
  named: boolean;
  pinned: boolean;
  /** Name of the folder that the list shows it in; absent: none. */
  folder?: string;
  createdAt: number;
  updatedAt: number;
  system: string;
  /** Which model answers; absent: the one that is chosen for all chats. */
  model?: ModelChoice;
  /** Sampling of its own; absent: that of the settings. */
  sampling?: Partial<SamplingValues>;
  /** The parts that may be sent to the server that was chosen last. */
  consent?: ServerConsent;
  /** JSON schema that replies are held to, as text; absent: they are free. */
  form?: string;
  /** Names of the tools that replies may call; absent: none. */
  tools?: string[];
  /** In order of creation. */
  messages: Message[];
  /** Leaf of the path that is shown. */
  tip: string | null;
}

/** A conversation without its messages. */
export type Head = Omit<Conversation, 'messages'>;

/** The parts that a change touched. */
export interface Patch {
  head: Partial<Head>;
  /** Messages that are new or other than before, with their positions. */
  messages: [position: number, message: Message][];
}

/** The fields that the list shows. */
export type Summary = Pick<Conversation, 'id' | 'title' | 'pinned' | 'folder' | 'createdAt' | 'updatedAt'>;

const TITLE_LENGTH = 60;

export function newConversation(system: string, now = Date.now()): Conversation {
  return {
    format: 1,
    id: newId(),
    title: '',
    named: false,
    pinned: false,
    createdAt: now,
    updatedAt: now,
    system,
    messages: [],
    tip: null,
  };
}

/** Messages from the first to `tip` (the shown leaf when absent). */
export function pathTo(conversation: Conversation, tip: string | null = conversation.tip): Message[] {
  const { messages } = conversation;
  const path: Message[] = [];
  for (let id = tip; id !== null;) {
    const message = find(messages, id);
    if (!message) break;
    path.push(message);
    id = message.parent;
  }
  return path.reverse();
}

/** The message with `id` and its alternatives, in order of creation. */
export function siblingsOf(conversation: Conversation, id: string): Message[] {
  const parent = find(conversation.messages, id)?.parent;
  return parent === undefined ? [] : childrenOf(conversation.messages, parent);
}

/** Adds a message and shows it. The first message of the person gives the title. */
export function addMessage(conversation: Conversation, message: Message): Conversation {
  const title = conversation.title || message.role !== 'user' ? conversation.title : titleFrom(message.content);
  return {
    ...conversation,
    title,
    messages: append(conversation.messages, message),
    tip: message.id,
    updatedAt: Math.max(conversation.updatedAt, message.createdAt),
  };
}

export function changeMessage(
  conversation: Conversation,
  id: string,
  change: (message: Message) => Message,
): Conversation {
  const { messages } = conversation;
  const position = positionOf(messages, id);
  return position < 0
    ? conversation
    : { ...conversation, messages: replace(messages, position, change(messages[position]!)) };
}

/** Shows `id` and, below it, the newest message of every fork. */
export function showBranch(conversation: Conversation, id: string): Conversation {
  let tip = id;
  for (;;) {
    const child = childrenOf(conversation.messages, tip).at(-1);
    if (!child) return { ...conversation, tip };
    tip = child.id;
  }
}

/**
 * The chat without its server: a person who copies or imports a chat has not agreed to send the rest of it to that
 * server.
 */
export function withoutServer(conversation: Conversation): Conversation {
  const stays = conversation.model === undefined || !isServer(conversation.model);
  return { ...conversation, ...(!stays && { model: undefined }), consent: undefined };
}

/** A new conversation that holds a copy of the path to `id`. */
export function branchFrom(conversation: Conversation, id: string, now = Date.now()): Conversation {
  const ids = new Map(pathTo(conversation, id).map((message) => [message.id, newId()]));
  const messages = pathTo(conversation, id).map((message) => ({
    ...message,
    id: ids.get(message.id)!,
    parent: message.parent === null ? null : ids.get(message.parent)!,
  }));
  return {
    ...withoutServer(conversation),
    id: newId(),
    pinned: false,
    createdAt: now,
    updatedAt: now,
    messages,
    tip: messages.at(-1)?.id ?? null,
  };
}

/** The differences between `before` and `after`, which was made from it. */
export function patchOf(before: Conversation, after: Conversation): Patch {
  const head = Object.entries(after).filter(
    ([field, value]) => field !== 'messages' && before[field as keyof Head] !== value,
  );
  const messages = [...after.messages.entries()].filter(([position, message]) => before.messages[position] !== message);
  return { head: Object.fromEntries(head), messages };
}

/** Applies a change to a conversation that may have changed elsewhere. Its own messages and its later time stay. */
export function applyPatch(conversation: Conversation, { head, messages }: Patch): Conversation {
  const updatedAt = Math.max(conversation.updatedAt, head.updatedAt ?? 0);
  return messages.reduce<Conversation>(
    (sum, [, message]) => {
      const position = positionOf(sum.messages, message.id);
      return {
        ...sum,
        messages: position < 0 ? append(sum.messages, message) : replace(sum.messages, position, message),
      };
    },
    { ...conversation, ...head, updatedAt },
  );
}

/** Several changes, oldest first, as one. */
export function joinPatches(patches: readonly Patch[]): Patch {
  const messages = new Map(patches.flatMap(({ messages }) => messages.map((entry) => [entry[1].id, entry] as const)));
  return {
    head: Object.assign({}, ...patches.map(({ head }) => head)) as Partial<Head>,
    messages: [...messages.values()],
  };
}

/** Replies that count as being written. */
export function streamingIn(conversation: Conversation): string[] {
  return conversation.messages.filter((message) => message.reply?.state === 'streaming').map(({ id }) => id);
}

/** A reply that was streaming when its page went away becomes a partial one; those in `alive` continue. Returns the same object if there is none. */
export function recover(conversation: Conversation, alive: ReadonlySet<string> = new Set()): Conversation {
  const dead = streamingIn(conversation).filter((id) => !alive.has(id));
  if (dead.length === 0) return conversation;
  const mend = (message: Message): Message =>
    dead.includes(message.id) ? { ...message, reply: { ...message.reply!, state: 'partial' } } : message;
  return { ...conversation, messages: conversation.messages.map(mend) };
}

/** The messages for the engine: the system prompt, then the path; replies with nothing in them (failed before their first token) are left out. */
export function toChatMessages(conversation: Pick<Conversation, 'system'>, path: readonly Message[]): ChatMessage[] {
  const system: ChatMessage[] = conversation.system.trim() ? [{ role: 'system', content: conversation.system }] : [];
  const messages = path.filter(isSent).map((message): ChatMessage => {
    const rounds = message.reply?.rounds ?? [];
    return { role: message.role, content: withDocuments(message), ...(rounds.length > 0 && { rounds }) };
  });
  return [...system, ...messages];
}

/** Number of messages at the start of the path that the last reply on it left out of its context. */
export function droppedOf(path: readonly Message[]): number {
  return path.findLast((message) => message.reply?.dropped !== undefined)?.reply?.dropped ?? 0;
}

/** The same in messages as the engine counts them: empty ones are never sent. */
export function sentOf(path: readonly Message[], dropped: number): number {
  return path.slice(0, dropped).filter(isSent).length;
}

/** The reverse: the position on the path when `sent` of the messages that are sent are dropped. */
export function droppedFromSent(path: readonly Message[], sent: number): number {
  const kept = path.filter(isSent)[sent];
  return kept ? path.indexOf(kept) : path.length;
}

const isSent = ({ content, reply }: Message) => content !== '' || (reply?.rounds?.length ?? 0) > 0;

export function summaryOf({ id, title, pinned, folder, createdAt, updatedAt }: Summary): Summary {
  return { id, title, pinned, ...(folder !== undefined && { folder }), createdAt, updatedAt };
}

/** Pinned first, then the newest. */
export function bySummaryOrder(a: Summary, b: Summary): number {
  return Number(b.pinned) - Number(a.pinned) || b.updatedAt - a.updatedAt;
}

/** First line of a message, cut at a word where the language has spaces. */
export function titleFrom(content: string): string {
  const line = content.trim().split('\n', 1)[0]!.replace(/\s+/g, ' ');
  const characters = [...line];
  if (characters.length <= TITLE_LENGTH) return line;
  const cut = characters.slice(0, TITLE_LENGTH).join('');
  const space = cut.lastIndexOf(' ');
  return `${cut.slice(0, space > TITLE_LENGTH / 2 ? space : undefined).trimEnd()}…`;
}

/** What the model is given of the documents is chosen anew for each message. An empty list stays one: those before it were taken away. */
export function userMessage(parent: string | null, content: string, documents?: readonly MessageDocument[]): Message {
  const message: Message = { id: newId(), parent, role: 'user', content, createdAt: Date.now() };
  const chosen = documents?.map(({ id, name, unit, pageCount }) => ({ id, name, unit, pageCount }));
  return chosen ? { ...message, documents: chosen } : message;
}
