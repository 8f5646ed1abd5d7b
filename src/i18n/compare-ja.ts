/** Strings of the compare screen, in Japanese. */
import type { compareEn } from './compare-en.ts';
import type { Translation } from './strings.ts';

export const compareJa: Translation<typeof compareEn> = {
  compare: '比較',
  compareLead:
    '同じモデルと同じプロンプトを、このブラウザーのすべてのバックエンドで順番に実行し、このパソコンのサーバーと並べて測ります。',
  compareSetup: '測定の内容',
  compareModel: 'モデル',
  compareNoModel: 'モデルはまだ保存されていません。スターターは最初の比較に十分な小ささです。',
  compareSetting: '測定の詳しさ',
  compareQuick: 'クイック',
  compareFull: 'フル',
  compareQuickHint: '32・512 トークンのプロンプト、32 トークンの返答。ウォームアップの後に 3 回測ります。',
  compareFullHint:
    '32・512・2,048 トークンのプロンプト（コンテキストに入る範囲）、64 トークンの返答。ウォームアップの後に 5 回、読み込みは 3 回測ります。',
  compareCustom: 'アドレスの指定',
  compareCustomHint: (prompts, tokens, rounds) =>
    `${prompts} トークンのプロンプト、${tokens} トークンの返答。ウォームアップの後に ${rounds} 回測ります。`,
  compareBackends: 'バックエンド',
  compareBackendsHint: 'このブラウザーにないものは、理由とともに表に残ります。',
  compareEveryForm: '各バックエンドのすべての重み形式',
  compareEveryFormHint: '数倍の時間がかかります。オフのときは、各バックエンドが選ぶ形式で測ります。',
  compareShuffle: '順番を無作為にする',
  compareShuffleHint: '機械は温まると遅くなります。いつも同じ行が最初にならないようにします。',
  compareEstimate: (time) => `普通のノートパソコンなら、およそ ${time} かかります。`,
  compareRun: '実行',
  compareAgain: 'もう一度実行',
  compareQuiet: 'ほかのプログラムを閉じ、電源につないでください。その間、チャットは休止します。',

  compareServers: 'このパソコンのサーバー',
  compareServersHint:
    'OpenAI のチャット API を話すローカルサーバーに、同じプロンプトを送り、同じストップウォッチで測ります。「実行」を押すまで何も送りません。',
  compareServer: 'サーバー',
  compareServerOther: 'その他',
  compareAddress: 'アドレス',
  compareServerModel: 'サーバーでのモデル名',
  compareAddServer: 'サーバーを追加',
  compareRemoveServer: (name) => `${name} を外す`,
  compareLocalNetwork:
    'このページがこの端末のほかのプログラムに接続してよいか、ブラウザーが尋ねることがあります。拒否した場合は、アドレスの前のアイコンから「ローカル ネットワークへのアクセス」を許可してください。',
  'server:llamacpp':
    'llama-server はそのままページに応答します。--cors-origins を付けて起動した場合は、このページのアドレスを加えてください。Python 版（llama-cpp-python）も同じです。',
  'server:ollama':
    'Ollama は localhost のページに応答します。それ以外のアドレスでは、OLLAMA_ORIGINS に設定して Ollama を再起動してください。',
  'server:lmstudio':
    'LM Studio：Developer の Server settings で「Enable CORS」をオンにするか、lms server start --cors で起動してください。',
  'server:lemonade': 'Lemonade は設定なしでページに応答します。古い版のポートは 13305 ではなく 8000 です。',
  'server:ovms':
    'OpenVINO Model Server：--allowed_origins にこのページのアドレスを指定し、--rest_port のポートで起動してください。',
  'server:foundry':
    'Foundry Local のポートは自動で決まります（foundry service status で確認）。ページに応答しない場合は、Access-Control-Allow-Origin を付けるプロキシを前に置いてください。',
  'server:other':
    'サーバーの Access-Control-Allow-Origin にこのページのアドレスを、Access-Control-Allow-Headers に Content-Type を許可してください。',
  compareAllow: (origin) =>
    `${origin} はこのパソコンのサーバーではありません。比較用のプロンプトを送ることを許可します。（https のページから接続できるのは https だけです）`,
  compareThisPage: (origin) => `このページのアドレスは ${origin} です。`,

  compareRunning: (row, at, count) => `${row}（${count} 行中 ${at} 行目）`,
  comparePrompts: 'プロンプトを用意しています',
  'phase:load': '読み込み中',
  'phase:warm-up': 'ウォームアップ（数えません）',
  'phase:measure': '測定中',
  'phase:agreement': '計算結果を確認中',
  compareLeft: (time) => `残り約 ${time}`,

  compareResults: '結果',
  compareCancelled: '途中で止めたため、足りない行があります。',
  headlinePair: (first, firstRow, second, secondRow, decode, prefill) =>
    `${first}（${firstRow}）は ${second}（${secondRow}）に対し、書く速さが ${decode}、読む速さが ${prefill} です。`,
  headlineTimes: (value, low, high) => `${value} 倍（${low}〜${high}）`,
  headlineAlone: (kind, row, rate) =>
    `ここで動いたのはすべて ${kind} です。最速の ${row} は毎秒 ${rate} トークンを書きます。`,
  headlineNoNpu: 'NPU で動いたという証拠のある行はありません。',
  headlineUnsteady: '測定のばらつきが大きく、比べられません。ほかのプログラムを閉じて、もう一度実行してください。',
  headlineNone: '正しく計算し、比べられる行がありません。',

  chartDecode: '書く速さ：デコード（トークン／秒）',
  chartPrefill: (tokens) => `読む速さ：${tokens} トークンのプレフィル（トークン／秒）`,
  chartTtft: (tokens) => `待ち時間：${tokens} トークンのプロンプトから最初のトークンまで（ミリ秒）`,
  chartMore: '長いほど良い',
  chartLess: '短いほど良い',
  chartFigures: '表で見る',
  chartWhiskers: '棒は中央値、棒の先の線は最も遅い回と最も速い回の隔たりです。薄い棒は基準と異なる答えを出しました。',

  race: 'レース',
  raceHint: '測定したときの速さで返答を再生します。',
  raceStart: 'スタート',
  raceStop: '止める',
  raceEnd: '最後まで進める',
  raceAfter: (time) => `${time} で完了`,

  tableRow: '行',
  tableDevice: '実際の装置',
  tableForm: '形式',
  tableLoad: '読み込み',
  tableCompile: 'コンパイル',
  tableTtft: '最初のトークン ms',
  tablePrefill: 'プレフィル tok/s',
  tableDecode: 'デコード tok/s',
  tableDecodeEnd: '末尾のデコード tok/s',
  tableMemory: 'メモリー',
  tableAgreement: '一致',
  tableMachine: '機械',
  tablePrompt: 'プロンプト',
  tableSpread: 'ばらつき',
  tableMedian: '中央値',
  tableAbsent: 'なし',
  tableUnsteady: '不安定',
  tableWrong: '計算が誤り',
  tableCoarse: 'このモデルには粗すぎます',
  tableAnswered: (model) => `応答したモデル：${model}`,
  tableAsked: (device) => `要求：${device}`,
  tablePrepared: (time) => `重みの用意 ${time}`,
  tableAll: (share) => `全ステップの ${share}`,
  tableLengths: 'すべてのプロンプト長',
  tableRounds: (_count, figure) => `${figure} 回`,

  method: '読み方',
  methodFigures: (rounds, decode) =>
    `数値は、最初の 1 回を捨てた ${rounds} 回の中央値 ± 最速と最遅の差の半分です。各行は専用のワーカーで動きました。プレフィルはプロンプトのトークン数を最初のトークンまでの時間で割ったもの、デコードは ${decode} トークンの返答から最初の 1 つを除いて測ったものです。`,
  methodLoads: (loads) =>
    `読み込み：ブラウザーの保存領域から使えるようになるまで（${loads} 回測定）。コンパイルはその一部です。`,
  methodReference: (name, steps) =>
    `一致：基準の最良トークンが 0.7 nat 以上離れているステップのうち、この行が同じトークンを選んだ割合です。基準：${name}、${steps} ステップ。`,
  methodNoReference: '一致：比べる基準がありませんでした。',
  methodNative:
    'サーバーの行は、サーバー自身のトークン数とテンプレートによります。モデルが異なることもあり、どの装置で計算したかは分かりません。',
  methodDevice:
    '行の装置名はブラウザーの情報（MLGraph.devices、アダプター名）によるもので、要求したものではありません。',
  methodWatts:
    '電力はページからは見えません。測定中にシステムで確認してください。Windows は powercfg /srumutil とタスク マネージャーの NPU グラフ、macOS は sudo powermetrics、Linux は turbostat、nvidia-smi、intel_gpu_top があります。',

  share: '共有',
  shareMarkdown: 'Markdown をコピー',
  sharePng: '画像',
  shareLink: 'リンクをコピー',
  shareHint:
    'リンクは結果そのものを # の後ろに含み、どのサーバーにも送られません。ブラウザー、システム、グラフィックス、コア数と返答が入っていますが、個人を特定するものはありません。',
  importResult: 'ほかの結果を加える…',
  importHint: 'ほかの機械でこのページが作った JSON ファイルを、あなたの結果と並べて表示します。',
  importTitle: 'ファイルの内容',
  importShow: '表示する',
  importDiscard: '破棄',
  compareImportRefused: 'この結果は加えられません',
  importRows: (_count, figure) => `${figure} 行`,
  importClaims: 'この数値は誰も確認していません。ファイルに書かれているままです。',
  machineCores: (_count, figure) => `${figure} コア`,
  machineThis: 'この機械',
  removeResult: (machine) => `${machine} の結果を外す`,
};
