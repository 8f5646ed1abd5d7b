/** How documents stand in the prompt: before the question, each text under its document and page, passages with a number to cite. */
import type { GivenText, Message, MessageDocument } from '../chat/message.ts';

type Document = Pick<MessageDocument, 'name' | 'unit' | 'given'>;

/** A passage, with the number by which a reply cites it. */
export interface NumberedPassage extends GivenText {
  number: number;
  document: MessageDocument;
}

/** Passages of a message's documents, numbered from 1. Documents that were given whole have none. */
export function numberedPassages(documents: readonly MessageDocument[]): NumberedPassage[] {
  const searched = documents.filter(({ given }) => given && !given.whole);
  const passages = searched.flatMap((document) => document.given!.texts.map((text) => ({ document, ...text })));
  return passages.map((passage, i) => ({ number: i + 1, ...passage }));
}

const wholeText = ({ name, unit, given }: Document): string => {
  const pages = given!.texts.map(({ page, text }) => `[${unit} ${page}]\n${text}`);
  return `Document "${name}":\n\n${pages.join('\n\n')}`;
};

/** The message as the model reads it. */
export function withDocuments({ content, documents = [] }: Pick<Message, 'content' | 'documents'>): string {
  const whole = documents.filter(({ given }) => given?.whole).map(wholeText);
  const passages = numberedPassages(documents).map(
    ({ number, document, page, text }) => `[${number}] "${document.name}", ${document.unit} ${page}:\n${text}`,
  );
  const parts = [
    ...whole,
    ...(passages.length > 0
      ? [
          'Passages from documents:',
          ...passages,
          'Answer from these passages. Cite the passages that you use by their numbers, for example [1].',
        ]
      : []),
  ];
  return [...parts, content].join('\n\n');
}
