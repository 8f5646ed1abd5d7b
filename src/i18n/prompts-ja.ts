import type { promptsEn } from './prompts-en.ts';
import type { Translation } from './strings.ts';

export const promptsJa: Translation<typeof promptsEn> = {
  savedPrompts: '保存したプロンプト',
  savedPromptsHint:
    'よく使うプロンプトです。メッセージ欄から挿入できます。すべてのチャットを JSON で書き出すと、一緒に保存されます。',
  noPrompts: '保存したプロンプトはまだありません。',
  promptNew: '新しいプロンプト',
  promptName: '名前',
  promptText: '本文',
  promptHint: '毎回変わる部分は {{話題}} のように書きます。使うときに、そこへ入れる言葉を入力できます。',
  promptInsert: '挿入',
  promptBack: '一覧に戻る',
  promptEdit: (name) => `${name} を編集`,
  promptDelete: (name) => `${name} を削除`,
  promptsImported: '保存したプロンプトも読み込みました。',
  promptDeleted: 'プロンプトを削除しました。',
};
