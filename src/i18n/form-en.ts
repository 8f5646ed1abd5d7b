/** Strings of answers as JSON, in English. */
import { plural } from './strings.ts';

export const formEn = {
  answerAsJson: 'Answer as JSON',
  answerAsJsonHint:
    'Every reply in this chat is JSON that is valid for the schema below. A model on a server is not held to it.',
  jsonSchema: 'JSON schema',
  jsonSchemaHint: 'A keyword that cannot be enforced is refused by name.',
  schemaExamples: 'Examples',
  examplePerson: 'A person',
  exampleList: 'A list',
  exampleRating: 'A rating',
  exampleAny: 'Any JSON',
  schemaNoJson: (why: string) => `This is not JSON yet: ${why}`,
  schemaRight: 'Every keyword of this schema is enforced.',
  jsonAnswer: 'Answer as a tree',
  jsonItems: (count: number) => `${count} ${plural(count, 'entry', 'entries')}`,
  saveJsonLines: 'Save as JSON Lines',
  saveCsv: 'Save as CSV',
};
