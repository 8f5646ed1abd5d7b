import type { LibraryApi } from '../../workers/shared/library-types.ts';
import { textOf, type Tool } from './tool.ts';

/** A result goes into the prompt of the next round: about 700 tokens. */
const MOST_PASSAGES = 4;

type Searched = Pick<LibraryApi, 'list' | 'search'>;

/** Searches the library of documents. `library`: loaded when the tool is first called. */
export const searchDocumentsIn = (library: () => Promise<Searched>): Tool => ({
  name: 'search_documents',
  description:
    'Searches the documents that the person keeps on this device, and gives the passages that fit best, each with its document and page.',
  parameters: {
    type: 'object',
    properties: { query: { type: 'string', minLength: 1, maxLength: 200, description: 'Words to look for' } },
    required: ['query'],
    additionalProperties: false,
  },
  async run(args) {
    const { list, search } = await library();
    const heads = new Map((await list()).map((head) => [head.id, head]));
    if (heads.size === 0) throw new Error('There are no documents on this device.');
    const found = await search(textOf(args, 'query'), null, MOST_PASSAGES);
    const passages = found.flatMap(({ document, page, text }) => {
      const head = heads.get(document);
      return head ? [{ document: head.name, [head.unit]: page, text }] : [];
    });
    return { passages };
  },
});

export const searchDocuments = searchDocumentsIn(async () => (await import('../documents/library.ts')).library);
