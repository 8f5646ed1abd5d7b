import { describe, expect, it } from 'vitest';
import type { FoundPassage, StoredDocument } from '../../workers/shared/library-types.ts';
import { estimateTokens } from '../../workers/shared/token-estimate.ts';
import { carriedDocuments } from '../chat/chat-documents.ts';
import type { Message, MessageDocument } from '../chat/message.ts';
import { ground, type GroundingTools } from './grounding.ts';
import { numberedPassages, withDocuments } from './prompt.ts';

const SENTENCE = 'The council met on a long and rainy day in town. ';

const stored = (id: string, ...texts: string[]): StoredDocument => ({
  head: {
    ...{
      id,
      name: `${id}.pdf`,
      folder: '',
      kind: 'pdf',
      unit: 'page',
      pageCount: texts.length,
      gaps: [],
      bytes: 1,
      addedAt: 1,
    },
    tokens: texts.reduce((sum, text) => sum + estimateTokens(text), 0),
  },
  pages: texts.map((text) => ({ text })),
});

const found = (document: string, page: number, text: string): FoundPassage => ({
  ...{ document, page, start: 0, end: text.length, text, quote: text, score: 1 },
});

function tools(documents: StoredDocument[], passages: FoundPassage[] = []) {
  const asked: string[] = [];
  const made: GroundingTools = {
    contextLength: 1_000,
    count: (text) => Promise.resolve(estimateTokens(text)),
    library: {
      read: (id) => Promise.resolve(documents.find(({ head }) => head.id === id) ?? null),
      search: (question, ids) => {
        asked.push(question);
        const known = passages.filter(({ document }) => ids?.includes(document));
        return Promise.resolve(/nothing/.test(question) && !question.includes('\n') ? [] : known);
      },
    },
  };
  return { tools: made, asked };
}

const documentOf = (id: string): MessageDocument => ({ id, name: `${id}.pdf`, unit: 'page', pageCount: 9 });
const message = (content: string, documents?: MessageDocument[]): Message => ({
  ...{ id: content, parent: null, role: 'user', content, createdAt: 1 },
  ...(documents && { documents }),
});

describe('what the model is given', () => {
  it('is all of a small document, page by page, with its tokens by the model’s own count', async () => {
    const { tools: made } = tools([stored('a', 'First.', '', 'Third.')]);
    const [given] = await ground([message('Why?', [documentOf('a')])], made);
    expect(given!.given).toMatchObject({
      whole: true,
      texts: [
        { page: 1, text: 'First.' },
        { page: 3, text: 'Third.' },
      ],
    });
    const prompt = withDocuments(message('Why?', [given!]));
    expect(prompt).toBe('Document "a.pdf":\n\n[page 1]\nFirst.\n\n[page 3]\nThird.\n\nWhy?');
    expect(given!.given!.tokens).toBe(estimateTokens(prompt) - estimateTokens('Why?'));
  });

  it('is passages of a long one, numbered over all documents, beside a small one that is whole', async () => {
    const long = stored('long', SENTENCE.repeat(200));
    const passages = [found('long', 7, 'Seventh.'), found('long', 2, 'Second.')];
    const { tools: made } = tools([long, stored('small', 'Small.')], passages);
    const documents = await ground([message('Which?', [documentOf('long'), documentOf('small')])], made);
    expect(documents.map(({ given }) => given!.whole)).toEqual([false, true]);
    expect(numberedPassages(documents).map(({ number, page }) => [number, page])).toEqual([
      [1, 7],
      [2, 2],
    ]);
    const prompt = withDocuments(message('Which?', documents));
    expect(prompt).toContain('[1] "long.pdf", page 7:\nSeventh.');
    expect(prompt).toMatch(/^Document "small\.pdf"[^]*\n\nWhich\?$/);
  });

  it('leaves most of the context free, whatever is found', async () => {
    const passages = Array.from({ length: 20 }, (_, i) => found('long', i + 1, SENTENCE.repeat(8)));
    const { tools: made } = tools([stored('long', SENTENCE.repeat(200))], passages);
    const [given] = await ground([message('Which?', [documentOf('long')])], made);
    expect(given!.given!.texts.length).toBeGreaterThan(1);
    expect(given!.given!.tokens).toBeLessThan(500);
  });

  it('is passages where the estimate was too low for a whole document', async () => {
    const { tools: made } = tools([stored('a', SENTENCE.repeat(20))], [found('a', 1, 'Found.')]);
    const count = (text: string) => Promise.resolve(text.length);
    const [given] = await ground([message('Why?', [documentOf('a')])], { ...made, count });
    expect(given!.given).toMatchObject({ whole: false, texts: [{ text: 'Found.' }] });
  });

  it('repeats no passage that an earlier message has, and searches a short question with the one before', async () => {
    const passages = [found('long', 1, 'One.'), found('long', 2, 'Two.')];
    const { tools: made, asked } = tools([stored('long', SENTENCE.repeat(200))], passages);
    const before = {
      ...documentOf('long'),
      given: { whole: false, tokens: 1, texts: [{ page: 1, start: 0, end: 4, text: 'One.' }] },
    };
    const [given] = await ground([message('Which?', [before]), message('nothing', [documentOf('long')])], made);
    expect(given!.given!.texts.map(({ text }) => text)).toEqual(['Two.']);
    expect(asked).toEqual(['nothing', 'Which?\nnothing']);
  });

  it('is refused by name where a document was deleted', async () => {
    const path = [message('Why?', [documentOf('a')])];
    await expect(ground(path, tools([]).tools)).rejects.toMatchObject({
      code: 'bad-document',
      message: expect.stringMatching(/^a\.pdf was deleted/) as string,
    });
  });
});

describe('the next message takes along', () => {
  const whole = { ...documentOf('whole'), given: { whole: true, tokens: 1, texts: [] } };
  const part = { ...documentOf('part'), given: { whole: false, tokens: 1, texts: [] } };
  const path = [message('One', [whole, part]), message('Two')];

  it('documents that were searched, and whole ones that have left the context', () => {
    expect(carriedDocuments(path, 0).map(({ id }) => id)).toEqual(['part']);
    expect(carriedDocuments(path, 1).map(({ id }) => id)).toEqual(['whole', 'part']);
    expect(carriedDocuments([], 0)).toEqual([]);
  });

  it('none where the person took them away', () => {
    expect(carriedDocuments([...path, { ...message('Three'), documents: [] }, message('Four')], 0)).toEqual([]);
  });
});
