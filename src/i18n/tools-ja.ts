/** Strings of tools, in Japanese. */
import type { Translation } from './strings.ts';
import type { toolsEn } from './tools-en.ts';

export const toolsJa: Translation<typeof toolsEn> = {
  tools: 'ツール',
  toolsHint:
    'モデルはこのチャットで次のツールを使えます。ツールは端末の中で動き、外部には何も送信しません。小さなモデルはうまく使えないことがよくあります。',
  toolsNoServer: 'このチャットはサーバーに送られます。サーバーのモデルはツールを使えず、ツールの結果も送られません。',
  'tool:calculator': '電卓',
  'toolHint:calculator': '推測ではなく、40 桁の精度で計算します。',
  'tool:date_time': '日付と時刻',
  'toolHint:date_time': '今日の日付、ほかのタイムゾーン、日数の計算。',
  'tool:convert_units': '単位の変換',
  'toolHint:convert_units': '長さ、重さ、面積、体積、温度、データ量など。',
  'tool:search_documents': '文書の検索',
  'toolHint:search_documents': 'この端末に保存した文書から、関連する箇所をページ番号とともに見つけます。',
  toolCall: (name) => `ツール：${name}`,
  toolArguments: '入力',
  toolNoArguments: 'なし',
  toolResult: '結果',
  toolRuns: (name) => `${name}を実行しています…`,
};
