/**
 * Exports of other apps as conversations: ChatGPT's conversations.json, Open WebUI's export of chats, LM Studio's files of one conversation. Text is
 * taken over with its branches, times and names of models; pictures, files and calls of tools are left out. Pure.
 */
import * as v from 'valibot';
import type { Conversation, Message } from './conversation.ts';
import { titleFrom } from './conversation.ts';

/** A message of any app, before hidden messages are left out. */
interface Node {
  id: string;
  parent: string | null;
  role: string;
  content: string;
  createdAt: number;
  model: string;
}

interface Chat {
  id: string;
  title: string;
  pinned: boolean;
  /** ms */
  createdAt: number;
  updatedAt: number;
  nodes: Node[];
  /** Last message of the path that was shown. */
  current: string | null;
}

const text = v.fallback(v.string(), '');
const number = v.fallback(v.nullish(v.number(), 0), 0);
const name = v.fallback(v.nullish(v.string(), null), null);

/** An id that this app takes, the same for the same input. */
const idOf = (value: string, fallback: string): string => {
  const clean = value.replace(/[^\w-]/g, '_').slice(0, 64);
  return clean === '' ? fallback : clean;
};

/**
 * Parents before their children. The children of a message that is left out become children of the message before it.
 */
function assemble({ nodes, current, ...chat }: Chat): Conversation {
  const known = new Set(nodes.map(({ id }) => id));
  const children = new Map<string | null, Node[]>();
  for (const node of nodes) {
    const parent = node.parent !== null && known.has(node.parent) ? node.parent : null;
    children.set(parent, [...(children.get(parent) ?? []), node]);
  }
  const messages: Message[] = [];
  let system = '';
  /** The message that stands for each node: itself, or the nearest shown one before it. */
  const shown = new Map<string, string | null>();
  const queue = (children.get(null) ?? []).map((node) => ({ node, parent: null as string | null }));
  for (let next = queue.shift(); next; next = queue.shift()) {
    const { node, parent } = next;
    const content = node.content.trim();
    const isShown = (node.role === 'user' || node.role === 'assistant') && content !== '';
    if (node.role === 'system' && system === '') system = content;
    if (isShown) messages.push(messageOf(node, parent, content));
    const stands = isShown ? node.id : parent;
    shown.set(node.id, stands);
    queue.push(...(children.get(node.id) ?? []).map((child) => ({ node: child, parent: stands })));
  }
  const first = messages.find(({ role }) => role === 'user');
  return {
    ...chat,
    format: 1,
    title: chat.title || titleFrom(first?.content ?? ''),
    named: chat.title !== '',
    system,
    messages,
    tip: (current !== null && shown.get(current)) || (messages.at(-1)?.id ?? null),
  };
}

function messageOf({ id, role, createdAt, model }: Node, parent: string | null, content: string): Message {
  const base = { id, parent, content, createdAt };
  return role === 'user'
    ? { ...base, role }
    : { ...base, role: 'assistant', reply: { state: 'done', reason: 'end', seed: 0, model } };
}

const MS = 1_000;

const GptMessage = v.object({
  author: v.object({ role: text }),
  create_time: number,
  content: v.fallback(v.object({ content_type: text, parts: v.fallback(v.array(v.unknown()), []) }), {
    content_type: '',
    parts: [],
  }),
  metadata: v.fallback(v.nullish(v.object({ model_slug: name })), null),
});
const GptSchema = v.object({
  id: name,
  conversation_id: name,
  title: text,
  create_time: number,
  update_time: number,
  current_node: name,
  mapping: v.record(v.string(), v.object({ parent: name, message: v.fallback(v.nullish(GptMessage), null) })),
});

function fromChatGpt(chat: v.InferOutput<typeof GptSchema>, index: number): Chat {
  const nodes = Object.entries(chat.mapping).map(([id, { parent, message }]): Node => {
    const isText = ['text', 'multimodal_text'].includes(message?.content.content_type ?? '');
    const parts = message && isText ? message.content.parts.filter((part) => typeof part === 'string') : [];
    return {
      id: idOf(id, 'm'),
      parent: parent === null ? null : idOf(parent, 'm'),
      role: message?.author.role ?? '',
      content: parts.join('\n'),
      createdAt: Math.round((message?.create_time || chat.create_time) * MS),
      model: message?.metadata?.model_slug ?? 'ChatGPT',
    };
  });
  return {
    id: idOf(chat.conversation_id ?? chat.id ?? '', `chatgpt-${index}`),
    title: chat.title,
    pinned: false,
    createdAt: Math.round(chat.create_time * MS),
    updatedAt: Math.round((chat.update_time || chat.create_time) * MS),
    nodes,
    current: chat.current_node === null ? null : idOf(chat.current_node, 'm'),
  };
}

const WebUiMessage = v.object({ parentId: name, role: text, content: text, timestamp: number, model: name });
const WebUiSchema = v.object({
  id: text,
  title: text,
  pinned: v.fallback(v.nullish(v.boolean(), false), false),
  created_at: number,
  updated_at: number,
  chat: v.object({
    title: text,
    history: v.object({ messages: v.record(v.string(), WebUiMessage), currentId: name }),
  }),
});

function fromOpenWebUi({ chat, ...outer }: v.InferOutput<typeof WebUiSchema>, index: number): Chat {
  const nodes = Object.entries(chat.history.messages).map(
    ([id, { parentId, role, content, timestamp, model }]): Node => ({
      id: idOf(id, 'm'),
      parent: parentId === null ? null : idOf(parentId, 'm'),
      role,
      content,
      createdAt: Math.round((timestamp || outer.created_at) * MS),
      model: model ?? 'Open WebUI',
    }),
  );
  return {
    id: idOf(outer.id, `open-webui-${index}`),
    title: outer.title || chat.title,
    pinned: outer.pinned === true,
    createdAt: Math.round(outer.created_at * MS),
    updatedAt: Math.round((outer.updated_at || outer.created_at) * MS),
    nodes,
    current: chat.history.currentId === null ? null : idOf(chat.history.currentId, 'm'),
  };
}

const Parts = v.fallback(v.array(v.object({ type: text, text })), []);
const StudioVersion = v.object({
  role: text,
  content: Parts,
  steps: v.fallback(v.array(v.object({ type: text, content: Parts })), []),
  senderInfo: v.fallback(v.nullish(v.object({ senderName: name })), null),
});
const StudioSchema = v.object({
  name: text,
  createdAt: number,
  systemPrompt: text,
  messages: v.pipe(v.array(v.object({ versions: v.array(StudioVersion), currentlySelected: number })), v.minLength(1)),
});

function fromLmStudio(chat: v.InferOutput<typeof StudioSchema>): Chat {
  const wordsOf = (parts: v.InferOutput<typeof Parts>) =>
    parts
      .filter(({ type }) => type === 'text')
      .map((part) => part.text)
      .join('');
  const system = { id: 'system', parent: null, role: 'system', content: chat.systemPrompt, createdAt: 0, model: '' };
  const nodes: Node[] = [system];
  let parent = 'system';
  for (const [turn, { versions, currentlySelected }] of chat.messages.entries()) {
    for (const [at, version] of versions.entries()) {
      const blocks = version.steps.filter(({ type }) => type === 'contentBlock').map(({ content }) => wordsOf(content));
      nodes.push({
        id: `m${turn}-${at}`,
        parent,
        role: version.role,
        content: blocks.length > 0 ? blocks.join('\n\n') : wordsOf(version.content),
        createdAt: chat.createdAt + turn,
        model: version.senderInfo?.senderName ?? 'LM Studio',
      });
    }
    parent = `m${turn}-${currentlySelected}`;
  }
  const { createdAt } = chat;
  const id = `lm-studio-${Math.round(createdAt)}`;
  return { id, title: chat.name, pinned: false, createdAt, updatedAt: createdAt, nodes, current: parent };
}

/** The conversations of another app's export, to be checked as those of this one; null where it is not one that is known. */
export function foreignConversations(json: unknown): Conversation[] | null {
  const studio = v.safeParse(StudioSchema, json);
  if (studio.success) return [assemble(fromLmStudio(studio.output))];
  const list = Array.isArray(json) && json.length > 0 ? (json as unknown[]) : null;
  if (list === null) return null;
  const gpt = v.safeParse(v.array(GptSchema), list);
  if (gpt.success) return gpt.output.map((chat, i) => assemble(fromChatGpt(chat, i)));
  const webUi = v.safeParse(v.array(WebUiSchema), list);
  return webUi.success ? webUi.output.map((chat, i) => assemble(fromOpenWebUi(chat, i))) : null;
}
