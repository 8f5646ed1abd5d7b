import * as v from 'valibot';
import { PAGE_UNITS } from '../../workers/shared/document-types.ts';
import { PhiError } from '../../workers/shared/errors.ts';
import type { Conversation, Summary } from './conversation.ts';

const count = v.pipe(v.number(), v.finite());
/** The range of a Date. */
const time = v.pipe(v.number(), v.minValue(0), v.maxValue(8.64e15));
const text = v.string();
const id = v.pipe(v.string(), v.regex(/^[\w-]{1,64}$/));

const Stats = v.object({
  promptTokens: count,
  prefilledTokens: count,
  generatedTokens: count,
  contextTokens: count,
  timeToFirstTokenMs: count,
  prefillTokensPerSecond: count,
  decodeTokensPerSecond: count,
});

const CODES = [
  'bad-model',
  'unsupported-model',
  'bad-document',
  'network',
  'integrity',
  'quota',
  'storage',
  'newer-version',
  'cancelled',
  'no-model',
  'context-full',
  'bad-request',
  'backend',
  'device-lost',
  'out-of-memory',
  'worker-died',
  'internal',
] as const;

const StoredError = v.object({
  code: v.picklist(CODES),
  message: text,
  detail: v.optional(v.record(text, v.union([text, count, v.boolean(), v.null()]))),
});

const Rounds = v.array(
  v.object({
    text,
    calls: v.array(v.object({ name: text, arguments: v.record(text, v.unknown()), result: text })),
  }),
);

const Reply = v.object({
  state: v.picklist(['streaming', 'done', 'partial']),
  seed: count,
  model: text,
  edited: v.optional(v.boolean()),
  server: v.optional(text),
  reason: v.optional(v.picklist(['end', 'stop-string', 'max-tokens', 'context-full', 'cancelled'])),
  // The rates of a reply of one token are not finite. Such a reply is still accepted.
  stats: v.fallback(v.optional(Stats), undefined),
  error: v.optional(StoredError),
  // A string: an older version stored the message itself.
  notices: v.optional(v.array(v.union([text, v.object({ movedTo: text, error: StoredError })]))),
  dropped: v.optional(v.pipe(v.number(), v.integer(), v.minValue(0))),
  json: v.optional(v.boolean()),
  rounds: v.optional(Rounds),
  thoughtMs: v.optional(count),
});

const position = v.pipe(v.number(), v.integer(), v.minValue(0));
const MessageDocument = v.object({
  id,
  name: text,
  unit: v.picklist(PAGE_UNITS),
  pageCount: position,
  given: v.optional(
    v.object({
      whole: v.boolean(),
      tokens: position,
      texts: v.array(
        v.object({
          page: v.pipe(position, v.minValue(1)),
          start: position,
          end: position,
          text,
          quote: v.optional(text),
        }),
      ),
    }),
  ),
});

export const MessageSchema = v.object({
  id,
  parent: v.nullable(id),
  role: v.picklist(['user', 'assistant']),
  content: text,
  createdAt: time,
  documents: v.optional(v.array(MessageDocument)),
  reply: v.optional(Reply),
});

/** Longest name of a folder, in UTF-16 units. */
export const LONGEST_FOLDER = 200;
const folder = v.pipe(text, v.minLength(1), v.maxLength(LONGEST_FOLDER));

const SummaryEntries = {
  id,
  title: text,
  pinned: v.boolean(),
  // A damaged name costs the folder, not the chat.
  folder: v.fallback(v.optional(folder), undefined),
  createdAt: time,
  updatedAt: time,
};

const SummarySchema = v.object(SummaryEntries);

const Choice = v.union([
  v.object({ stored: text }),
  v.object({ server: v.pipe(text, v.url()), model: text, key: v.optional(v.boolean()) }),
]);
const Own = v.partial(
  v.object({
    temperature: count,
    topK: count,
    topP: count,
    minP: count,
    repetitionPenalty: count,
    seed: v.nullable(count),
    maxTokens: v.pipe(v.number(), v.integer(), v.minValue(1)),
  }),
);
const Consent = v.object({ origin: text, history: time, documents: v.nullable(time), tools: v.nullable(time) });

/** Schema of a conversation without its messages. */
export const HeadEntries = {
  ...SummaryEntries,
  named: v.boolean(),
  system: text,
  tip: v.nullable(id),
  // A damaged choice is replaced by the default, so that the chat is not lost. Without its consent nothing is sent to a server.
  model: v.fallback(v.optional(Choice), undefined),
  sampling: v.fallback(v.optional(Own), undefined),
  consent: v.fallback(v.optional(Consent), undefined),
  form: v.fallback(v.optional(text), undefined),
  tools: v.fallback(v.optional(v.array(text)), undefined),
};

const ConversationSchema = v.pipe(
  v.object({ ...HeadEntries, format: v.literal(1), messages: v.array(MessageSchema) }),
  v.check((value) => isTree(value), 'The messages do not form a tree.'),
);

/** Parents come before their children, ids are unique, and the tip is one of them; so walks towards the root end. */
function isTree({ messages, tip }: { messages: { id: string; parent: string | null }[]; tip: string | null }): boolean {
  const seen = new Set<string>();
  for (const message of messages) {
    if (seen.has(message.id) || (message.parent !== null && !seen.has(message.parent))) return false;
    seen.add(message.id);
  }
  return tip === null ? messages.length === 0 : seen.has(tip);
}

/** Turns data from storage or a file into a conversation. Anything else throws a `storage` error that says what is wrong and where. */
export function parseConversation(value: unknown): Conversation {
  const result = v.safeParse(ConversationSchema, value);
  if (result.success) return result.output;
  throw damaged(result.issues);
}

/** The error for what does not hold. `within`: where the value lies in the conversation. */
export function damaged([issue]: [v.BaseIssue<unknown>, ...v.BaseIssue<unknown>[]], within = ''): PhiError {
  const where = [within, v.getDotPath(issue)].filter(Boolean).join('.');
  return new PhiError(
    'storage',
    `This conversation is damaged, or another version wrote it${where ? ` (${where})` : ''}: ${issue.message}`,
  );
}

/** A list entry, or null where the record is damaged. */
export function parseSummary(value: unknown): Summary | null {
  const result = v.safeParse(SummarySchema, value);
  return result.success ? result.output : null;
}
