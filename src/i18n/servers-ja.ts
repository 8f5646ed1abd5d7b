import type { Translation } from './strings.ts';
import type { serversEn } from './servers-en.ts';

export const serversJa: Translation<typeof serversEn> = {
  chooseModel: 'モデルを選ぶ',
  chooseModelHint: '選んだモデルはすぐに読み込まれ、このチャットと新しいチャットで使われます。',
  chooseModelBusy: '返信やダウンロードが終わると、別のモデルを選べます。',
  onThisDevice: 'この端末',
  onProcessor: (threads, stages) => `CPU、${threads} スレッド${stages > 1 ? `、${stages} 段` : ''}`,
  runsOnDevice: (backend, device) => `${backend}（${device}）で読み込み済み`,
  modelLoading: '読み込み中…',
  modelNotLoaded: '未読み込み',
  modelFailed: '読み込みに失敗しました',
  modelInOtherTab: '別のタブで実行中',
  modelAt: (model, host) => `${model}（サーバー ${host}）`,
  back: '戻る',
  goOn: '次へ',

  onServer: 'サーバー',
  onServerHint:
    'このタブには大きすぎるモデルも、別のプログラムやコンピューターで動かせます。サーバーが返信するのは、そこに送信すると決めたチャットだけです。',
  serverOther: 'その他',
  serverAdd: 'サーバーを追加',
  serverForget: (model) => `${model} を一覧から削除`,
  serverConnect: '接続',
  serverConnecting: '接続しています…',
  serverKey: 'キー（サーバーで必要な場合）',
  serverKeyHint:
    'キーは、このページを閉じるまでメモリーにだけ保持されます。保存したり、書き出したりすることはありません。',
  serverNoKey: 'キーを送信できるのは、https のサーバーとこの端末だけです。このアドレスには送信できません。',
  'serverAllow:loopback': (origin) => `チャットから ${origin} への接続を許可する。`,
  'serverAllow:private': (origin) =>
    `チャットから、ネットワーク内の別の機器 ${origin} への接続を許可する。通信は暗号化されません。`,
  'serverAllow:encrypted': (origin) =>
    `チャットから、インターネット経由での ${origin} への接続を許可する。通信は暗号化されます。`,
  'serverAllow:open': (origin) =>
    `チャットから ${origin} への接続を許可する。通信は暗号化されないため、通信経路上の誰でも内容を読めます。`,
  serverConsent: 'このチャットをサーバーに送信しますか？',
  'serverReach:loopback':
    '入力した内容は、このページからこの端末の別のプログラムに送信されます。そのプログラムがさらに外へ送信するかどうかは、このページからは分かりません。',
  'serverReach:private': '入力した内容は、暗号化されずに、ネットワーク内の別の機器に送信されます。',
  'serverReach:encrypted':
    '入力した内容は、暗号化された通信で端末の外に送信されます。サーバーはすべての内容を読めます。',
  'serverReach:open': '入力した内容は、暗号化されずに端末の外に送信されます。通信経路上の誰でも内容を読めます。',
  serverGoes: '送信される内容',
  serverGoesHistory: (_count, figure) => `このチャットのこれまでのメッセージ ${figure} 件`,
  serverGoesNew: 'これからこのチャットに入力するすべての内容',
  serverGoesSystem: 'このチャットのシステムプロンプトとサンプリング設定',
  serverStays: '送信されない内容',
  serverStaysText: 'ほかのチャットと、このチャットに添付していない文書。ツールの結果には、別の同意が必要です。',
  serverAgree: 'このチャットを送信する',
  leavesDevice: '入力した内容はこの端末の外に送信されます。',
  leavesPage: '入力した内容はこのページの外に送信されます。',
  leavesTo: (model, origin) => `このチャットは ${origin} に送信され、${model} が返信します。`,
  serverEnterKey: 'キーを入力',
  waitingForServer: (host) => `${host} の応答を待っています`,
  emptyTextServer: (origin) => `このチャットに入力した内容は ${origin} に送信されます。`,
  contextServer: (tokens) => `これまで ${tokens}`,
  useServer: 'サーバーのモデルを使う',
};
