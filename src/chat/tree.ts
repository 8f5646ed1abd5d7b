/**
 * Where each message lies in a conversation's list, and which messages follow it: kept in maps, so that nothing is searched for in a long chat.
 *
 * Lists are never changed in place. A list made from another by one more or one other message shares its maps, because positions stay; the maps may
 * therefore know messages beyond the end of an older list, which the functions here leave out.
 */
import type { Message } from './message.ts';

interface Tree {
  /** Position by id. */
  at: Map<string, number>;
  /** Positions of the messages behind each message (null: of the first ones), in order of creation. */
  children: Map<string | null, number[]>;
}

const trees = new WeakMap<readonly Message[], Tree>();

function insert({ at, children }: Tree, { id, parent }: Message, position: number): void {
  at.set(id, position);
  const siblings = children.get(parent);
  if (siblings) siblings.push(position);
  else children.set(parent, [position]);
}

function treeOf(messages: readonly Message[]): Tree {
  let tree = trees.get(messages);
  if (!tree) {
    tree = { at: new Map(), children: new Map() };
    for (const [position, message] of messages.entries()) insert(tree, message, position);
    trees.set(messages, tree);
  }
  return tree;
}

/** A list with one message more. */
export function append(messages: readonly Message[], message: Message): Message[] {
  const longer = [...messages, message];
  const tree = treeOf(messages);
  // If the maps already know a successor of this list, the new list gets its own maps.
  if (tree.at.size === messages.length) {
    insert(tree, message, messages.length);
    trees.set(longer, tree);
  }
  return longer;
}

/** A list with another message at a position; id and parent stay. */
export function replace(messages: readonly Message[], position: number, message: Message): Message[] {
  const other = messages.with(position, message);
  trees.set(other, treeOf(messages));
  return other;
}

/** Position of a message, or -1. */
export function positionOf(messages: readonly Message[], id: string): number {
  const position = treeOf(messages).at.get(id);
  return position !== undefined && position < messages.length ? position : -1;
}

export const find = (messages: readonly Message[], id: string): Message | undefined =>
  messages[positionOf(messages, id)];

/** Messages directly behind `parent`, in order of creation. */
export const childrenOf = (messages: readonly Message[], parent: string | null): Message[] =>
  (treeOf(messages).children.get(parent) ?? []).flatMap((position) => messages[position] ?? []);
