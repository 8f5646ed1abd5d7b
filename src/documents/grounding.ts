/** Chooses what the model is given of a message's documents: all of the small ones, and of the others the passages that suit the question. */
import { PhiError } from '../../workers/shared/errors.ts';
import type { FoundPassage, LibraryApi, StoredDocument } from '../../workers/shared/library-types.ts';
import { estimateTokens } from '../../workers/shared/token-estimate.ts';
import type { GivenText, Message, MessageDocument } from '../chat/message.ts';
import { withDocuments } from './prompt.ts';

/** Documents may take this share of the context whole, smallest first. */
const WHOLE_SHARE = 0.35;
/** Passages may take this share, and no more than this many tokens: reading is what is slow in a tab. */
const PASSAGES_SHARE = 0.3;
const PASSAGES_TOKENS = 1_500;
/** By the model's own count, documents take no more than this. */
const MOST_SHARE = 0.6;
const MOST_PASSAGES = 8;
/** Passages that are asked for; those that an earlier message has are passed over. */
const SEARCHED = 24;

export interface GroundingTools {
  library: Pick<LibraryApi, 'read' | 'search'>;
  contextLength: number;
  /** Tokens of a text as a message. */
  count: (text: string) => Promise<number>;
}

type Given = NonNullable<MessageDocument['given']>;

const wholeOf = ({ pages }: StoredDocument): GivenText[] =>
  pages.flatMap(({ text }, i) => (text === '' ? [] : [{ page: i + 1, start: 0, end: text.length, text }]));

/** Documents that are given whole: the smallest, as long as there is room. */
function chooseWhole(stored: readonly StoredDocument[], room: number): Set<string> {
  const whole = new Set<string>();
  let used = 0;
  for (const { head } of [...stored].sort((a, b) => a.head.tokens - b.head.tokens)) {
    used += head.tokens;
    if (used > room) break;
    whole.add(head.id);
  }
  return whole;
}

const keyOf = (document: string, { page, start }: Pick<GivenText, 'page' | 'start'>) => `${document}/${page}/${start}`;

/** Passages that earlier messages of the path were given; the model still has them before its eyes. */
function givenBefore(path: readonly Message[]): Set<string> {
  const documents = path.flatMap((message) => message.documents ?? []);
  return new Set(documents.flatMap(({ id, given }) => (given?.texts ?? []).map((text) => keyOf(id, text))));
}

/** The best passages that fit, best first. */
function choosePassages(found: readonly FoundPassage[], before: ReadonlySet<string>, room: number): FoundPassage[] {
  const chosen: FoundPassage[] = [];
  let used = 0;
  for (const passage of found) {
    const tokens = estimateTokens(passage.text);
    if (before.has(keyOf(passage.document, passage)) || (chosen.length > 0 && used + tokens > room)) continue;
    used += tokens;
    chosen.push(passage);
    if (chosen.length === MOST_PASSAGES) break;
  }
  return chosen;
}

/** Passages for the question; for one that finds nothing ("And in winter?"), together with the question before it. */
async function search(path: readonly Message[], ids: readonly string[], library: GroundingTools['library']) {
  if (ids.length === 0) return [];
  const questions = path.filter(({ role }) => role === 'user').map(({ content }) => content);
  const found = await library.search(questions.at(-1)!, ids, SEARCHED);
  return found.length > 0 || questions.length < 2
    ? found
    : library.search(questions.slice(-2).join('\n'), ids, SEARCHED);
}

/**
 * The documents of the last message on `path`, each with what the model is given. Rejects with `bad-document` when one was deleted.
 * @param path messages up to the question, without those that have left the context
 */
export async function ground(path: readonly Message[], tools: GroundingTools): Promise<MessageDocument[]> {
  const asked = path.at(-1)!;
  const documents = asked.documents ?? [];
  const stored = await Promise.all(documents.map(({ id }) => tools.library.read(id)));
  const gone = documents.filter((_, i) => stored[i] === null).map(({ name }) => name);
  if (gone.length > 0)
    throw new PhiError(
      'bad-document',
      `${gone.join(', ')} ${gone.length === 1 ? 'was' : 'were'} deleted from the documents on this device. Remove ${gone.length === 1 ? 'it' : 'them'} above the message box and ask again.`,
    );
  const there = stored.filter((document) => document !== null);
  const whole = chooseWhole(there, tools.contextLength * WHOLE_SHARE);
  const given = await give(path, there, whole, tools);
  const tokens = given.reduce((sum, document) => sum + document.given!.tokens, 0);
  // The estimate was too low: then they are searched.
  return tokens > tools.contextLength * MOST_SHARE ? give(path, there, new Set(), tools) : given;
}

async function give(
  path: readonly Message[],
  stored: readonly StoredDocument[],
  whole: ReadonlySet<string>,
  { library, contextLength, count }: GroundingTools,
): Promise<MessageDocument[]> {
  const asked = path.at(-1)!;
  const documents = asked.documents ?? [];
  const searched = documents.map(({ id }) => id).filter((id) => !whole.has(id));
  const room = Math.min(contextLength * PASSAGES_SHARE, PASSAGES_TOKENS);
  const passages = choosePassages(await search(path, searched, library), givenBefore(path.slice(0, -1)), room);
  const given = documents.map((document, i): MessageDocument => {
    const isWhole = whole.has(document.id);
    const own = passages.filter((passage) => passage.document === document.id);
    const texts = isWhole
      ? wholeOf(stored[i]!)
      : own.map(({ page, start, end, text, quote }) => ({ page, start, end, text, quote }));
    return { ...document, given: { whole: isWhole, tokens: 0, texts } };
  });
  return countTokens(asked.content, given, count);
}

/** Fills in how many tokens each document adds to the prompt. */
async function countTokens(
  content: string,
  documents: readonly MessageDocument[],
  count: GroundingTools['count'],
): Promise<MessageDocument[]> {
  const counted: MessageDocument[] = [];
  let before = await count(content);
  for (const [i, document] of documents.entries()) {
    const after = await count(withDocuments({ content, documents: documents.slice(0, i + 1) }));
    const given: Given = { ...document.given!, tokens: Math.max(0, after - before) };
    counted.push({ ...document, given });
    before = after;
  }
  return counted;
}
