/**
 * A conversation as records of a database, so that a reply in progress is stored alone. Keys:
 *
 *   `s:<conversation>`            Summary: what the list shows
 *   `c:<conversation>`            StoredHead: the conversation without its messages
 *   `m:<conversation>/<message>`  StoredMessage
 *   `d:<conversation>`            a draft
 *
 * Version 0.1 and imports store whole conversations under `c:`: one record is written many times faster than one for each message. The first change
 * takes such a record apart.
 */
import * as v from 'valibot';
import type { Migration } from '../../workers/shared/connection.ts';
import type { Conversation, Head, Message, Patch } from './conversation.ts';
import { summaryOf } from './conversation.ts';
import { damaged, HeadEntries, MessageSchema, parseConversation } from './schema.ts';

type Entry = [key: string, value: unknown];

/** `position` in the list of messages as the tab that wrote it had it; two tabs may have given one to two messages. */
type StoredMessage = Message & { position: number };

const HeadSchema = v.object({ ...HeadEntries, format: v.literal(2), last: v.number() });
/** `last`: the highest position that the head knows of. A message beyond it was stored, and its head no longer. */
type StoredHead = Omit<Head, 'format'> & { format: 2; last: number };

const StoredMessageSchema = v.object({ ...MessageSchema.entries, position: v.pipe(v.number(), v.integer()) });

export const messagePrefix = (conversation: string): string => `m:${conversation}/`;

export const messageEntry = (conversation: string, [position, message]: Patch['messages'][number]): Entry => [
  messagePrefix(conversation) + message.id,
  { ...message, position } satisfies StoredMessage,
];

const headEntries = (head: StoredHead): Entry[] => [
  [`c:${head.id}`, head],
  [`s:${head.id}`, summaryOf(head)],
];

/** Everything that is stored of a conversation. */
export function entriesOf({ messages, ...head }: Conversation): Entry[] {
  return [
    ...[...messages.entries()].map((entry) => messageEntry(head.id, entry)),
    ...headEntries({ ...head, format: 2, last: messages.length - 1 }),
  ];
}

/** The same in two records, however many messages there are. */
export const wholeEntries = (conversation: Conversation): Entry[] => [
  [`c:${conversation.id}`, conversation],
  [`s:${conversation.id}`, summaryOf(conversation)],
];

/** The records of a change, on top of what is stored of the conversation's head. */
export function changedEntries(stored: unknown, { head, messages }: Patch): Entry[] {
  const before = parseHead(stored);
  const last = Math.max(before.last, ...messages.map(([position]) => position));
  const updatedAt = Math.max(before.updatedAt, head.updatedAt ?? 0);
  const changed = messages.map((entry) => messageEntry(before.id, entry));
  return Object.keys(head).length === 0 && last === before.last
    ? changed
    : [...changed, ...headEntries({ ...before, ...head, updatedAt, last, format: 2 })];
}

function parseHead(value: unknown): StoredHead {
  const result = v.safeParse(HeadSchema, value);
  if (result.success) return result.output;
  throw damaged(result.issues);
}

function parseMessage(value: unknown, index: number): StoredMessage {
  const result = v.safeParse(StoredMessageSchema, value);
  if (result.success) return result.output;
  throw damaged(result.issues, `messages.${index}`);
}

/** Parents before their children, otherwise by position. A message whose parent is nowhere is left out: its conversation was deleted under it. */
function inOrder(stored: readonly StoredMessage[]): StoredMessage[] {
  const sorted = [...stored].sort((a, b) => a.position - b.position || (a.id < b.id ? -1 : 1));
  const placed = new Set<string>();
  const waiting = new Map<string, StoredMessage[]>();
  const order: StoredMessage[] = [];
  const place = (first: StoredMessage): void => {
    for (const queue = [first]; queue.length > 0;) {
      const message = queue.shift()!;
      order.push(message);
      placed.add(message.id);
      queue.push(...(waiting.get(message.id) ?? []));
      waiting.delete(message.id);
    }
  };
  for (const message of sorted) {
    const { parent } = message;
    if (parent === null || placed.has(parent)) place(message);
    else waiting.set(parent, [...(waiting.get(parent) ?? []), message]);
  }
  return order;
}

/** The conversation of a head and its messages in any order. Throws `storage` for what is damaged. */
export function joinRecords(head: unknown, messages: readonly unknown[]): Conversation {
  if (isWhole(head)) {
    const whole = parseConversation(head);
    const known = new Set(whole.messages.map(({ id }) => id));
    // A message that was stored before its conversation was taken apart.
    const late = messages.map(parseMessage).filter(({ id }) => !known.has(id));
    if (late.length === 0) return whole;
    const apart = new Map(entriesOf(whole));
    const key = `c:${whole.id}`;
    const own = [...apart].filter(([name]) => name.startsWith(messagePrefix(whole.id))).map(([, message]) => message);
    return joinRecords(apart.get(key), [...own, ...late]);
  }
  const { last, ...rest } = parseHead(head);
  const order = inOrder(messages.map(parseMessage));
  const late = order.findLast(({ position }) => position > last);
  const known = order.some(({ id }) => id === rest.tip);
  return {
    ...rest,
    format: 1,
    tip: late?.id ?? (known ? rest.tip : (order.at(-1)?.id ?? null)),
    messages: order.map(({ position: _, ...message }) => message),
  };
}

/** A conversation in one record. */
export function isWhole(value: unknown): value is { id: string; messages: Message[] } {
  if (typeof value !== 'object' || value === null || !('messages' in value)) return false;
  return Array.isArray(value.messages);
}

/**
 * Layout 3: heads carry what was chosen for the chat alone (its model, consents, form, tools), and replies their calls. Nothing stored changes; the number keeps pages of an older version
 * away, which would drop those fields whenever they write a head.
 */
export const keepChoices: Migration = () => undefined;

/** Layout 4: messages carry documents, and what the model was given of them. An older version would drop that. */
export const keepDocuments: Migration = () => undefined;

/** Layout 5: heads and list entries carry the name of a folder. An older version would drop that. */
export const keepFolders: Migration = () => undefined;

/** Layout 2: messages may be in records of their own. Whole conversations stay as they are until they change; the number keeps version 0.1 away. */
export const allowParts: Migration = () => undefined;
