/** Strings of the compare screen, in Japanese. */
import type { compareEn } from './compare-en.ts';
import type { Translation } from './strings.ts';

export const compareJa: Translation<typeof compareEn> = {
  compareLead:
    'このブラウザーのすべてのバックエンドと、追加したローカルサーバーで、同じモデルと同じプロンプトを順番に実行します。',
  compareSetup: '測定の設定',
  compareModel: 'モデル',
  compareNoModel: 'モデルはまだ保存されていません。お試し用モデルは小さく、最初の比較に向いています。',
  compareSetting: '測定の詳しさ',
  compareQuick: 'クイック',
  compareFull: 'フル',
  compareQuickHint:
    '32・512 トークンのプロンプト、32 トークンの返信。ウォームアップの後に 3 回測ります。llama-bench の pp512 と tg128 も測ります。',
  compareFullHint:
    '32・512・2,048 トークンのプロンプト（コンテキストに収まる範囲）、64 トークンの返信。ウォームアップの後に 5 回、読み込みは 3 回測ります。llama-bench の pp512 と tg128 は、1,024・4,096 トークンの後でも測ります。',
  compareCustom: 'アドレスの指定どおり',
  compareCustomHint: (prompts, tokens, rounds) =>
    `${prompts} トークンのプロンプト、${tokens} トークンの返信。ウォームアップの後に ${rounds} 回測ります。`,
  compareBackends: 'バックエンド',
  compareBackendsHint: 'このブラウザーにないバックエンドも、理由とともに表に残ります。',
  compareEveryForm: '各バックエンドのすべての重みの形式',
  compareEveryFormHint: '測定に数倍の時間がかかります。オフの場合は、各バックエンドが自動で選ぶ形式で測ります。',
  compareTasks: '作業の種類ごとにも測る',
  compareTasksHint:
    'MLPerf Client のコード分析、文章作成、要約と同じ長さのプロンプトと返信でも測ります。測定に数倍の時間がかかります。',
  compareStandIn: 'WebGPU は Tiny Phi で測る',
  compareStandInHint:
    'この環境の WebGPU はソフトウェアのため、このモデルでは何時間もかかります。代わりに、ランダムな重みの小さなモデルで測り、行にそう表示します。',
  compareBuiltIn: 'ブラウザー内蔵のモデル',
  compareBuiltInHint: 'LanguageModel のモデルです。別のモデルのため、行にそう表示します。',
  compareBroken: '終わっていない測定があります',
  compareBrokenHint: (model, done, all) =>
    `${model}：${all} 行中 ${done} 行は測定済みで、保存されています。残りの行から続けられます。`,
  compareGoOn: '続ける',
  compareDiscard: '破棄する',
  compareShuffle: '順番をランダムにする',
  compareShuffleHint: '端末は温まると遅くなります。ランダムな順番なら、同じ行がいつも最初になることはありません。',
  compareEstimate: (time) => `一般的なノートパソコンで約 ${time}かかります。`,
  compareRun: '実行',
  compareAgain: 'もう一度実行',
  compareQuiet: 'ほかのプログラムを閉じ、電源につないでください。実行中、チャットは休止します。',

  compareServers: 'この端末のサーバー',
  compareServersHint:
    'OpenAI のチャット API に対応したローカルサーバーに、同じプロンプトを送り、同じ方法で時間を測ります。「実行」を押すまで何も送信しません。',
  compareServer: 'サーバー',
  compareAddress: 'アドレス',
  compareServerModel: 'サーバーでのモデル名',
  compareAbsent: 'このブラウザーにはありませんが、選ぶことはできます。',
  compareAddServer: 'サーバーを追加',
  compareRemoveServer: (name) => `${name} を削除`,
  compareLocalNetwork:
    'このページがこの端末のほかのプログラムに接続してよいか、ブラウザーが確認することがあります。拒否した場合は、アドレスの前のアイコンから「ローカル ネットワークへのアクセス」を許可してください。',
  'server:llamacpp':
    'llama-server は、初期設定のままでページに応答します。--cors-origins を付けて起動した場合は、このページのアドレスを加えてください。Python 版（llama-cpp-python）も同じです。',
  'server:ollama':
    'Ollama は localhost のページに応答します。ほかのアドレスの場合は、OLLAMA_ORIGINS にこのページのアドレスを設定し、Ollama を再起動してください。',
  'server:lmstudio':
    'LM Studio では、Developer の Server settings で「Enable CORS」をオンにするか、lms server start --cors で起動してください。',
  'server:lemonade': 'Lemonade は設定なしでページに応答します。古いバージョンのポートは 13305 ではなく 8000 です。',
  'server:ovms':
    'OpenVINO Model Server は、--allowed_origins にこのページのアドレスを指定して起動してください。ポートは --rest_port で指定したものです。',
  'server:foundry':
    'Foundry Local のポートは自動で決まります。foundry service status で確認できます。ページに応答しない場合は、Access-Control-Allow-Origin を追加するプロキシを前に置いてください。',
  'server:vllm':
    'vLLM は、初期設定のままでページに応答します。--allowed-origins を付けて起動した場合は、このページのアドレスを加えてください。',
  'server:other':
    'サーバー側で、Access-Control-Allow-Origin にこのページのアドレスを、Access-Control-Allow-Headers に Content-Type を指定する必要があります。',
  compareAllow: (origin) =>
    `${origin} はこの端末のサーバーではありません。比較用のプロンプトの送信を許可する。（https のページから接続できるのは https のサーバーだけです。）`,
  compareThisPage: (origin) => `このページのアドレスは ${origin} です。`,

  compareRunning: (row, at, count) => `${row}（${count} 行中 ${at} 行目）`,
  comparePrompts: 'プロンプトを準備しています',
  'phase:cool': '冷却を待っています',
  'phase:tests': 'llama-bench のテスト',
  'phase:tasks': '作業の種類ごとの測定',
  'phase:load': '読み込み中',
  'phase:warm-up': 'ウォームアップ中（結果に含めません）',
  'phase:measure': '測定中',
  'phase:agreement': '計算結果を確認中',
  compareLeft: (time) => `残り約 ${time}`,

  compareResults: '結果',
  compareCancelled: '途中で止めたため、一部の行がありません。',
  headlinePair: (first, firstRow, second, secondRow, decode, prefill) =>
    `${first}（${firstRow}）は、${second}（${secondRow}）と比べて、書く速さが ${decode}、読む速さが ${prefill}です。`,
  headlineTimes: (value, low, high) => `${value} 倍（${low}〜${high}）`,
  headlineAlone: (kind, row, rate) =>
    `ここではすべて ${kind} で動きました。最も速い ${row} は、毎秒 ${rate} トークンを書きます。`,
  headlineNoNpu: 'NPU で動いたと確認できた行はありません。',
  headlineUnsteady: '測定のばらつきが大きいため、比較できません。ほかのプログラムを閉じて、もう一度実行してください。',
  headlineNone: '計算が正しく、速さも安定していた行はありません。',

  chartDecode: '書く速さ：デコード（トークン／秒）',
  chartPrefill: (tokens) => `読む速さ：${tokens} トークンのプリフィル（トークン／秒）`,
  chartTtft: (tokens) => `待ち時間：${tokens} トークンのプロンプトから最初のトークンまで（ミリ秒）`,
  chartMore: '（長いほど良い）',
  chartLess: '（短いほど良い）',
  chartFigures: '表で見る',
  chartWhiskers:
    '棒は中央値です。棒の先の線の長さは、最も遅い回と最も速い回の差を示します。薄い棒は、基準と異なる結果を出したものです。',

  race: 'レース',
  raceHint: '測定したときの速さで返信を再生します。',
  raceStart: 'スタート',
  raceStop: '停止',
  raceEnd: '最後まで進める',
  raceAfter: (time) => `${time} で完了`,

  tableRow: '行',
  tableDevice: '実行デバイス',
  tableForm: '重み',
  tableLoad: '読み込み',
  tableCompile: (time) => `コンパイル ${time}`,
  tableTtft: '最初のトークン（ms）',
  tablePrefill: 'プリフィル（tok/s）',
  tableDecode: 'デコード（tok/s）',
  tableDecodeEnd: '末尾のデコード（tok/s）',
  tableMemory: 'メモリー',
  tableAgreement: '一致',
  tableMachine: '端末',
  tablePrompt: 'トークン数',
  tableSpread: 'ばらつき',
  tableMedian: '中央値',
  tableAbsent: 'なし',
  tableUnsteady: (share) => `不安定：回ごとの差 ${share}`,
  tableUnsteadyHint:
    '回ごとの差が中央値の 15 % を超えているため、この数値は引用できません。ほかのプログラムを閉じて、もう一度実行してください。',
  tableOtherModel: (model) => `別のモデル：${model}`,
  tableCharging: (before, after) => `充電中、バッテリー ${before} → ${after}`,
  tableBattery: (before, after) => `バッテリー駆動、${before} → ${after}`,
  tableCold: (time, bytes) => `コールドスタート ${time}、取得 ${bytes}`,
  tableColdHint: '空のワーカーから最初の返信の最初のトークンまでの時間と、ネットワークから取得したバイト数です。',
  tableFirst: (step, gap) => `最初の違い：ステップ ${step}（差 ${gap}）`,
  tableFirstHint:
    'この行の最良トークンが、基準の最良トークンと最初に異なったステップです。「差」は、そこで基準の最良トークンが次の候補を上回る差（nat）です。',
  tableWrong: '計算結果に誤り',
  tableCoarse: 'このモデルには粗すぎます',
  tableAnswered: (model) => `応答したモデル：${model}`,
  tableAsked: (device) => `要求：${device}`,
  tablePrepared: (time) => `重みの準備 ${time}`,
  tableAll: (share) => `全ステップの ${share}`,
  tableLengths: 'すべてのプロンプト長',
  testsTitle: 'llama-bench の形式',
  testsRate: 'トークン／秒',
  testsHint:
    'pp512 は 512 トークンのプロンプトを読む速さ、tg128 は 128 トークンを書く速さです。「@ d1024」は、1,024 トークンのコンテキストの後での速さです。トークン ID だけを扱い、チャットテンプレートやテキストの処理は含みません。',
  tasksTitle: '作業の種類',
  tasksHint:
    'プロンプトと返信の長さは MLPerf Client 1.6 に合わせています。文章はこのアプリ独自のものなので、MLPerf Client の結果ではありません。',
  tasksKind: '作業',
  tasksLengths: (prompt, reply) => `プロンプト ${prompt} トークン、返信 ${reply} トークン`,
  'task:content': 'コンテンツ生成',
  'task:creative': '創作',
  'task:summary-light': '要約（短め）',
  'task:summary-moderate': '要約（標準）',
  'task:code': 'コード分析',
  tableRounds: (value, _count, figure) => `${value}（${figure}\u00a0回）`,

  method: '読み方',
  methodFigures: (rounds, decode) =>
    `数値は、ウォームアップの後の ${rounds} 回の中央値です。± は、最も速い回と最も遅い回の差の半分です。各行は専用のワーカーで実行しました。プリフィルは、プロンプトのトークン数を最初のトークンまでの時間で割った値です。デコードは、${decode} トークンの返信から最初のトークンを除いて測りました。`,
  methodLoads: (loads) =>
    `読み込み：ブラウザーの保存領域から読み込み、使えるようになるまでの時間です（${loads} 回測定）。コンパイルを含みます。`,
  methodReference: (name, steps) =>
    `一致：基準の最良トークンが 0.7 nat 以上の差をつけたステップのうち、この行が同じトークンを選んだ割合です。基準：${name}、${steps} ステップ。`,
  methodNoReference: '一致：比較する基準がありませんでした。',
  methodNative:
    'サーバーは、独自のトークナイザーとテンプレートでトークンを数えます。モデルが異なることもあります。どのデバイスで計算したかは分かりません。チャットテンプレートの先頭部分を使い回すサーバーでは、プリフィルがやや速く出ることがあります。',
  methodTests:
    'pp と tg は、llama-bench と同じように、トークン ID だけを使い、最初の 1 回を数えずに測ります。このエンジンではトークンの選択も時間に含まれますが、llama-bench では含まれません。',
  methodDevice: '行のデバイスは、要求したものではなく、ブラウザーが報告したもの（MLGraph.devices、アダプター名）です。',
  methodWatts:
    'ページからは電力を測れません。実行中に、システムのツールで確認してください。Windows では powercfg /srumutil とタスク マネージャーの NPU グラフ、macOS では sudo powermetrics、Linux では turbostat、nvidia-smi、intel_gpu_top を使えます。',

  share: '共有',
  shareMarkdown: 'Markdown をコピー',
  sharePng: '画像',
  shareLink: 'リンクをコピー',
  shareHint:
    'リンクは # の後ろに結果そのものを含むため、サーバーには送信されません。ブラウザー、システム、グラフィックスアダプター、コア数、返信が含まれます。個人に関する情報は含まれません。',
  importResult: 'ほかの結果を追加…',
  importHint:
    'ほかの端末でこのページが作成した JSON ファイル、または llama-bench や LocalMode Bench のファイルを、自分の結果と並べて表示します。',
  importSource: '測定したプログラム',
  importTitle: 'ファイルの内容',
  importShow: '表示する',
  importDiscard: '破棄',
  compareImportRefused: 'この結果は追加できません',
  importRows: (_count, figure, date) => `${figure} 行、${date}`,
  importClaims: 'この数値は検証されていません。ファイルに書かれているままです。',
  machineCores: (_count, figure) => `${figure} コア`,
  machineThis: 'この端末',
  removeResult: (machine) => `${machine} の結果を削除`,
};
