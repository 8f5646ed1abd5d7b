/** Strings of answers as JSON, in Japanese. */
import type { formEn } from './form-en.ts';
import type { Translation } from './strings.ts';

export const formJa: Translation<typeof formEn> = {
  answerAsJson: 'JSON で回答',
  answerAsJsonHint:
    'このチャットの回答はすべて、下のスキーマに合う JSON になります。サーバーのモデルには適用されません。',
  jsonSchema: 'JSON スキーマ',
  jsonSchemaHint: '保証できないキーワードは、名前を示して拒否します。',
  schemaExamples: '例',
  examplePerson: '人物',
  exampleList: 'リスト',
  exampleRating: '評価',
  exampleAny: '任意の JSON',
  schemaNoJson: (why) => `まだ JSON ではありません: ${why}`,
  schemaRight: 'このスキーマのキーワードはすべて保証されます。',
  jsonAnswer: '回答のツリー',
  jsonItems: (count) => `${count} 件`,
  saveJsonLines: 'JSON Lines で保存',
  saveCsv: 'CSV で保存',
};
