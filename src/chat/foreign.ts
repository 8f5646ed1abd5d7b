/**
 * Exports of other apps as conversations: ChatGPT's conversations.json, Open WebUI's export of chats, LM Studio's files of one conversation. Text is
 * taken over with its branches, thoughts, times and names of models; pictures, files and calls of tools are left out. What a file lacks or has in
 * another form costs the part that it belongs to, not the file. Pure.
 */
import * as v from 'valibot';
import { THINK_CLOSE, THINK_OPEN } from '../../workers/shared/thoughts.ts';
import type { Conversation, Message } from './conversation.ts';
import { titleFrom } from './conversation.ts';

/** Less than this is a number of seconds: in milliseconds it would be 1973. */
const FIRST_MS = 1e11;
/** The last day of a Date. */
const LAST_MS = 8.64e15;

/** A message of any app, before hidden messages are left out. */
interface Node {
  /** Of the app; any text. */
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
const count = v.fallback(v.number(), 0);
/** ms, of a number of seconds or milliseconds, or a date as text; 0: not known. */
const time = v.fallback(
  v.pipe(
    v.union([v.number(), v.string()]),
    v.transform((value) => (typeof value === 'string' ? Date.parse(value) : value < FIRST_MS ? value * 1_000 : value)),
    v.number(),
    v.minValue(0),
    v.maxValue(LAST_MS),
    v.transform(Math.round),
  ),
  0,
);
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
  const ids = uniqueIds(nodes);
  const children = new Map<string | null, Node[]>();
  for (const node of nodes) {
    const parent = node.parent !== null && ids.has(node.parent) ? node.parent : null;
    const known = children.get(parent);
    if (known) known.push(node);
    else children.set(parent, [node]);
  }
  const messages: Message[] = [];
  let system = '';
  /** The message that stands for each node: itself, or the nearest shown one before it. */
  const shown = new Map<string, string | null>();
  const queue = (children.get(null) ?? []).map((node) => ({ node, parent: null as string | null }));
  for (const { node, parent } of queue) {
    const id = ids.get(node.id)!;
    const content = node.content.trim();
    const isShown = (node.role === 'user' || node.role === 'assistant') && content !== '';
    if (node.role === 'system' && system === '') system = content;
    if (isShown) messages.push(messageOf({ ...node, id }, parent, content));
    const stands = isShown ? id : parent;
    shown.set(node.id, stands);
    for (const child of children.get(node.id) ?? []) queue.push({ node: child, parent: stands });
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

/** For each id of the app, one that this app takes. Two that become the same by that stay two. */
function uniqueIds(nodes: readonly Node[]): Map<string, string> {
  const ids = new Map<string, string>();
  const taken = new Set<string>();
  for (const [index, { id }] of nodes.entries()) {
    if (ids.has(id)) continue;
    const clean = idOf(id, 'm');
    const own = taken.has(clean) ? idOf(`${index}-${id}`, 'm') : clean;
    taken.add(own);
    ids.set(id, own);
  }
  return ids;
}

function messageOf({ id, role, createdAt, model }: Node, parent: string | null, content: string): Message {
  const base = { id, parent, content, createdAt };
  return role === 'user'
    ? { ...base, role }
    : { ...base, role: 'assistant', reply: { state: 'done', reason: 'end', seed: 0, model } };
}

/** A thought and what was said behind it, as this app keeps them. */
const withThought = (thought: string): string =>
  thought.trim() === '' ? '' : `${THINK_OPEN}\n${thought.trim()}\n${THINK_CLOSE}\n\n`;

const GptMessage = v.object({
  author: v.object({ role: text }),
  create_time: time,
  content: v.fallback(v.object({ content_type: text, parts: v.fallback(v.array(v.unknown()), []) }), {
    content_type: '',
    parts: [],
  }),
  metadata: v.fallback(v.nullish(v.object({ model_slug: name })), null),
});
/** A part of a message: text, or what was said aloud. */
const GptPart = v.union([
  v.string(),
  v.pipe(
    v.object({ text: v.string() }),
    v.transform((part) => part.text),
  ),
]);
const GptSchema = v.object({
  id: name,
  conversation_id: name,
  title: text,
  create_time: time,
  update_time: time,
  current_node: name,
  mapping: v.record(
    v.string(),
    v.fallback(v.object({ parent: name, message: v.fallback(v.nullish(GptMessage), null) }), {
      parent: null,
      message: null,
    }),
  ),
});

function fromChatGpt(chat: v.InferOutput<typeof GptSchema>, index: number): Chat {
  const nodes = Object.entries(chat.mapping).map(([id, { parent, message }]): Node => {
    const isText = ['text', 'multimodal_text'].includes(message?.content.content_type ?? '');
    const parts = (message && isText ? message.content.parts : []).flatMap((part) => {
      const read = v.safeParse(GptPart, part);
      return read.success ? [read.output] : [];
    });
    return {
      id,
      parent,
      role: message?.author.role ?? '',
      content: parts.join('\n'),
      createdAt: message?.create_time || chat.create_time,
      model: message?.metadata?.model_slug ?? 'ChatGPT',
    };
  });
  return {
    id: idOf(chat.conversation_id ?? chat.id ?? '', `chatgpt-${index}`),
    title: chat.title,
    pinned: false,
    createdAt: chat.create_time,
    updatedAt: chat.update_time || chat.create_time,
    nodes,
    current: chat.current_node,
  };
}

const WebUiMessage = v.object({ parentId: name, role: text, content: text, timestamp: time, model: name });
const WebUiSchema = v.object({
  id: text,
  title: text,
  pinned: v.fallback(v.nullish(v.boolean(), false), false),
  created_at: time,
  updated_at: time,
  chat: v.pipe(
    v.object({
      title: text,
      params: v.fallback(v.object({ system: text }), { system: '' }),
      history: v.fallback(v.nullable(v.object({ messages: v.record(v.string(), v.unknown()), currentId: name })), null),
      /** The path that was shown; old exports have nothing else. */
      messages: v.fallback(v.array(v.unknown()), []),
    }),
    v.check(({ history, messages }) => history !== null || messages.length > 0),
  ),
});

const NO_MESSAGE = { parentId: null, role: '', content: '', timestamp: 0, model: null };
const DETAILS = /<details type="(\w+)"[^>]*>\s*(?:<summary>[^<]*<\/summary>)?([^]*?)<\/details>\s*/g;
const ENTITIES: Readonly<Record<string, string>> = { lt: '<', gt: '>', amp: '&', quot: '"', '#x27': "'", '#39': "'" };

/** Open WebUI keeps thoughts as quotes in `<details type="reasoning">`, and calls of tools in others. */
const withoutDetails = (content: string): string =>
  content.replace(DETAILS, (_, type: string, inner: string) =>
    type === 'reasoning'
      ? withThought(
          inner.replace(/^> ?/gm, '').replace(/&(#?\w+);/g, (whole, entity: string) => ENTITIES[entity] ?? whole),
        )
      : '',
  );

function fromOpenWebUi({ chat, ...outer }: v.InferOutput<typeof WebUiSchema>, index: number): Chat {
  const line = chat.messages.map((message, i): [string, unknown] => [
    String(i),
    { ...(message as object), parentId: i === 0 ? null : String(i - 1) },
  ]);
  const nodes = (chat.history ? Object.entries(chat.history.messages) : line).map(([id, message]): Node => {
    const read = v.safeParse(WebUiMessage, message);
    const { parentId, role, content, timestamp, model } = read.success ? read.output : NO_MESSAGE;
    return {
      id,
      parent: parentId,
      role,
      content: role === 'assistant' ? withoutDetails(content) : content,
      createdAt: timestamp || outer.created_at,
      model: model ?? 'Open WebUI',
    };
  });
  if (chat.params.system.trim() !== '')
    nodes.unshift({
      id: ' system',
      parent: null,
      role: 'system',
      content: chat.params.system,
      createdAt: 0,
      model: '',
    });
  return {
    id: idOf(outer.id, `open-webui-${index}`),
    title: outer.title || chat.title,
    pinned: outer.pinned === true,
    createdAt: outer.created_at,
    updatedAt: outer.updated_at || outer.created_at,
    nodes,
    current: chat.history ? chat.history.currentId : String(line.length - 1),
  };
}

const Parts = v.fallback(v.array(v.object({ type: text, text })), []);
const StudioVersion = v.object({
  role: text,
  content: Parts,
  steps: v.fallback(
    v.array(v.object({ type: text, content: Parts, style: v.fallback(v.object({ type: text }), { type: '' }) })),
    [],
  ),
  senderInfo: v.fallback(v.nullish(v.object({ senderName: name })), null),
});
const StudioSchema = v.object({
  name: text,
  createdAt: time,
  systemPrompt: text,
  messages: v.pipe(v.array(v.object({ versions: v.array(StudioVersion), currentlySelected: count })), v.minLength(1)),
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
      const blocks = version.steps
        .filter(({ type }) => type === 'contentBlock')
        .map(({ content, style }) =>
          style.type === 'thinking' ? withThought(wordsOf(content)) : `${wordsOf(content)}\n\n`,
        );
      nodes.push({
        id: `m${turn}-${at}`,
        parent,
        role: version.role,
        content: blocks.length > 0 ? blocks.join('') : wordsOf(version.content),
        createdAt: chat.createdAt + turn,
        model: version.senderInfo?.senderName ?? 'LM Studio',
      });
    }
    const chosen = versions[currentlySelected] ? currentlySelected : versions.length - 1;
    if (chosen >= 0) parent = `m${turn}-${chosen}`;
  }
  const { createdAt } = chat;
  const id = `lm-studio-${Math.round(createdAt)}`;
  return { id, title: chat.name, pinned: false, createdAt, updatedAt: createdAt, nodes, current: parent };
}

/** The conversations of another app's export, to be checked as those of this one; null where it is not one that is known. */
export function foreignConversations(json: unknown): Conversation[] | null {
  const studio = v.safeParse(StudioSchema, json);
  if (studio.success) return [assemble(fromLmStudio(studio.output))];
  const list: unknown[] = Array.isArray(json) ? json : [json];
  const gpt = readable(GptSchema, list);
  if (gpt.length > 0) return gpt.map((chat, i) => assemble(fromChatGpt(chat, i)));
  const webUi = readable(WebUiSchema, list);
  return webUi.length > 0 ? webUi.map((chat, i) => assemble(fromOpenWebUi(chat, i))) : null;
}

/** Those that have messages in the place where this app keeps them; the others hold nothing to import. */
const readable = <S extends v.GenericSchema>(schema: S, list: readonly unknown[]): v.InferOutput<S>[] =>
  list.flatMap((one) => {
    const result = v.safeParse(schema, one);
    return result.success ? [result.output] : [];
  });
