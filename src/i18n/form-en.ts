/** Strings of answers as JSON, in English. */
import { plural } from './strings.ts';

export const formEn = {
  answerAsJson: 'Answer as JSON',
  answerAsJsonHint:
    'Every reply in this chat is JSON that is valid for the schema below. A model on a server gets the schema too, but only the server can enforce it.',
  jsonSchema: 'JSON schema',
  jsonSchemaHint: 'If the app cannot enforce a keyword, it names the keyword and refuses the schema.',
  schemaExamples: 'Examples',
  examplePerson: 'A person',
  exampleList: 'A list',
  exampleRating: 'A rating',
  exampleAny: 'Any JSON',
  schemaNoJson: (why: string) => `This is not JSON yet: ${why}`,
  schemaRefused: 'This schema cannot be enforced',
  schemaRight: 'Every keyword of this schema is enforced.',
  jsonNotKept: 'This reply is not JSON. The server may not support JSON schemas, or it ended the reply early.',
  jsonAnswer: 'Answer as a tree',
  jsonItems: (count: number) => `${count} ${plural(count, 'entry', 'entries')}`,
  saveJsonLines: 'Save as JSON Lines',
  saveCsv: 'Save as CSV',
};
