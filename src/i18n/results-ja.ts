/** Strings of the screen of published results, in Japanese. */
import type { resultsEn } from './results-en.ts';
import type { Translation } from './strings.ts';

export const resultsJa: Translation<typeof resultsEn> = {
  resultsLead:
    'さまざまな人が自分の端末で測定し、このプロジェクトに送った結果です。表は、端末間の中央値とばらつきを示します。',
  resultsMeasure: 'この端末で測定する',
  resultsLoading: '結果を読み込んでいます',
  resultsFilters: '絞り込み',
  resultsAll: 'すべて',
  resultsDevice: 'デバイス',
  resultsBackend: 'バックエンド',
  resultsNative: 'サーバー',
  resultsSystem: 'システム',
  resultsSoftware: 'GPU も NPU もなく、ソフトウェアで計算する端末も含める',
  resultsCount: (_machineCount, machines, _rowCount, rows) => `${machines} 台、${rows} 行`,
  resultsNone: '条件に合う結果はありません。',
  resultsGroups: 'デバイスとバックエンド別',
  resultsGroupsHint:
    '各端末は 1 回だけ数えます。± は、最も遅い端末と最も速い端末の差の半分です。計算結果に誤りのある行は含みません。',
  resultsMachineCount: (value, _count, figure) => `${value}（${figure}\u00a0台）`,
  resultsInSoftware: 'ソフトウェアで実行',
  resultsUnsteady: (_count, figure) => `不安定なため除外した数値：${figure} 件`,
  resultsPairs: '同じ端末での NPU と GPU の比較',
  resultsPairsHint: 'NPU が GPU の何倍速いかを示します。同じモデルとブラウザーで、それぞれ最も速い行を比べます。',
  resultsNoPair: '両方を測定した端末はまだありません。',
  resultsPairUnsteady: '測定のばらつきが大きいため、この比は引用できません。',
  resultsDecodeTimes: 'デコード（NPU / GPU）',
  resultsPrefillTimes: 'プリフィル（NPU / GPU）',
  resultsMachines: '端末',
  resultsOpen: '比較画面で開く',
  resultsOpenOf: (machine, model) => `比較画面で開く：${machine} での ${model}`,
  resultsErrata: '訂正',
  resultsLeftOut: (rows) => `除外した行：${rows}`,
  resultsRefused: '読み込めなかったファイル',

  sendMine: '結果を送る',
  sendTitle: 'この結果を結果集に加える',
  contributeHint:
    'プロジェクトの結果集に加えるためのファイルを作ります。アプリがファイルを送信することはありません。内容を確認してから、自分で投稿してください。',
  sendName: '端末の名前',
  sendNamePlace: '例：Surface Laptop 7、Snapdragon X Elite',
  sendNote: 'メモ（任意）',
  sendContains:
    'ファイルには、この結果（ブラウザー、システム、グラフィックスアダプター、コア数、数値、返信）と、ここに入力した内容が含まれます。そのほかの個人に関する情報は含まれません。',
  sendSave: 'ファイルを保存',
  sendOpen: '投稿ページを開く',
  sendNoPlace: 'このアプリには投稿先のリポジトリが設定されていません。ファイルは運営者に送ってください。',
  sendPublished: '公開されている測定結果',
};
