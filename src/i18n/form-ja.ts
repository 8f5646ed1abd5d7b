/** Strings of answers as JSON, in Japanese. */
import type { formEn } from './form-en.ts';
import type { Translation } from './strings.ts';

export const formJa: Translation<typeof formEn> = {
  answerAsJson: 'JSON で返信',
  answerAsJsonHint:
    'このチャットの返信はすべて、下のスキーマに合う JSON になります。サーバーのモデルにもスキーマを送りますが、実際に守られるかどうかはサーバーによります。',
  jsonSchema: 'JSON スキーマ',
  jsonSchemaHint: '適用できないキーワードがあると、その名前を示して拒否します。',
  schemaExamples: '例',
  examplePerson: '人物',
  exampleList: 'リスト',
  exampleRating: '評価',
  exampleAny: '任意の JSON',
  schemaNoJson: (why) => `まだ JSON ではありません：${why}`,
  schemaRefused: 'このスキーマは適用できません',
  schemaRight: 'このスキーマのキーワードはすべて適用されます。',
  jsonNotKept: 'この返信は JSON ではありません。サーバーが JSON スキーマに対応していないか、返信が途中で終わりました。',
  jsonAnswer: '返信のツリー表示',
  jsonItems: (count) => `${count} 件`,
  saveJsonLines: 'JSON Lines で保存',
  saveCsv: 'CSV で保存',
};
