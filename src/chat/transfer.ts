/** Conversations as files: JSON that can be imported again, Markdown for people. Pure. */
import * as v from 'valibot';
import { PhiError } from '../../workers/shared/errors.ts';
import type { ToolRound } from '../../workers/shared/protocol.ts';
import { splitThought, withoutThought } from '../../workers/shared/thoughts.ts';
import { parsePrompts, type SavedPrompt } from '../prompts/prompts.ts';
import type { Conversation } from './conversation.ts';
import { pathTo } from './conversation.ts';
import { fenced } from './fence.ts';
import { parseConversation } from './schema.ts';

const FORMAT = 'phi-chats';
const VERSION = 1;
/** Size of about ten thousand long conversations. A larger file is not an export and would only fill memory. */
export const MAX_IMPORT_BYTES = 256 * 1024 * 1024;

/** Longest that reading a file keeps the page from answering, apart from its JSON. */
const TURN_MS = 50;

const ExportSchema = v.object({
  format: v.literal(FORMAT),
  version: v.number(),
  conversations: v.array(v.unknown()),
  prompts: v.optional(v.unknown()),
});

export function exportJson(conversations: readonly Conversation[], prompts: readonly SavedPrompt[] = []): string {
  const exportedAt = new Date().toISOString();
  const own = prompts.length > 0 ? { prompts } : {};
  return JSON.stringify({ format: FORMAT, version: VERSION, exportedAt, conversations, ...own }, null, 1);
}

const wrong = (why: string) => new PhiError('bad-request', `This file cannot be imported: ${why} Nothing was changed.`);

function readJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (cause) {
    if (text.startsWith('PK')) throw wrong('it is a ZIP archive. Unpack it, and choose "conversations.json" in it.');
    throw wrong(`it is not JSON (${cause instanceof Error ? cause.message : String(cause)}).`);
  }
}

/** A file of this app, its conversations not checked yet; null for anything else. Throws `bad-request` for one of another version. */
function ownExport(json: unknown): { conversations: unknown[]; prompts: SavedPrompt[] } | null {
  const result = v.safeParse(ExportSchema, json);
  if (!result.success) return null;
  const { version, conversations, prompts } = result.output;
  if (version !== VERSION)
    throw wrong(`another version of this app wrote it (format ${version}; this app reads ${VERSION}).`);
  return { conversations, prompts: parsePrompts(prompts) };
}

function parseOne(conversation: unknown, index: number, count: number): Conversation {
  try {
    return parseConversation(conversation);
  } catch (cause) {
    throw wrong(`chat ${index + 1} of ${count}: ${PhiError.from(cause).message}`);
  }
}

/**
 * The conversations of an exported file of this app or another (foreign.ts), every one checked, and its saved prompts; damaged prompts are left out. A
 * damaged conversation refuses them all, with its place. Rejects with `bad-request`. The page gets a pause now and then, because a file of 100 MB takes seconds.
 */
export async function readImport(text: string): Promise<{ conversations: Conversation[]; prompts: SavedPrompt[] }> {
  const json = readJson(text);
  const own = ownExport(json);
  const all = own?.conversations ?? (await import('./foreign.ts')).foreignConversations(json);
  if (all === null) throw wrong('it is not an export of chats from this app, ChatGPT, Open WebUI or LM Studio.');
  const conversations: Conversation[] = [];
  let begun = performance.now();
  for (const [index, one] of all.entries()) {
    conversations.push(parseOne(one, index, all.length));
    if (performance.now() - begun < TURN_MS) continue;
    await new Promise((resolve) => setTimeout(resolve));
    begun = performance.now();
  }
  return { conversations, prompts: own?.prompts ?? [] };
}

/** Words that a Markdown file needs, in the language of the page. */
export interface MarkdownWords {
  untitled: string;
  you: string;
  thoughts: string;
  system: string;
  /** Heading of a call. */
  tool: (name: string) => string;
  asked: string;
  result: string;
}

/** The path that is shown, one heading a message. */
export function exportMarkdown(conversation: Conversation, words: MarkdownWords): string {
  const parts = [`# ${conversation.title.replace(/\s+/g, ' ') || words.untitled}`];
  if (conversation.system.trim())
    parts.push(`> **${words.system}:** ${conversation.system.trim().replaceAll('\n', '\n> ')}`);
  for (const message of pathTo(conversation)) {
    const { thought, answer } = splitThought(message.content);
    parts.push(`## ${message.role === 'user' ? words.you : (message.reply?.model ?? 'assistant')}`);
    for (const round of message.reply?.rounds ?? []) parts.push(...roundMarkdown(round, words));
    if (thought) parts.push(`<details><summary>${words.thoughts}</summary>\n\n${thought}\n\n</details>`);
    if (answer) parts.push(answer.trimEnd());
  }
  return `${parts.join('\n\n')}\n`;
}

/** What was said before the calls, and a quote for each of them. A block of code keeps what is in it as it is. */
function roundMarkdown({ text, calls }: ToolRound, words: MarkdownWords): string[] {
  const said = withoutThought(text).trimEnd();
  return [
    ...(said ? [said] : []),
    ...calls.map((call) =>
      [
        `**${words.tool(call.name)}**`,
        words.asked,
        fenced(JSON.stringify(call.arguments), 'json'),
        words.result,
        fenced(call.result, 'json'),
      ].join('\n\n'),
    ),
  ];
}

/** A title as the name of a file, without what any system refuses. */
export function fileNameOf(title: string, fallback: string): string {
  const safe = title
    .replace(/[\\/:*?"<>|\p{Cc}]+/gu, ' ')
    .replace(/\s+/g, ' ')
    .trim();
  return [...safe.replace(/^[.\s]+|[.\s]+$/g, '')].slice(0, 60).join('').trim() || fallback;
}
