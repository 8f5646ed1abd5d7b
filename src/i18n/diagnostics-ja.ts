/** Strings of the diagnostics screen, in Japanese. */
import type { diagnosticsEn } from './diagnostics-en.ts';
import type { Translation } from './strings.ts';

export const diagnosticsJa: Translation<typeof diagnosticsEn> = {
  diagnosticsText: '実際に動いているものを、この端末で測った結果です。どこにも送信されません。',
  copyReport: 'レポートをコピー',
  whatRuns: '実行状況',
  nothingRuns: 'モデルは読み込まれていません。',
  passedOver: '使わなかったもの',
  passedOverHint: '試した、または検討したバックエンド・デバイス・重みの形式と、使わない理由です。',
  nothingPassedOver: 'ありません。最初の候補が動いています。',
  npuTitle: 'NPU での推定値',
  npuHint: 'このモデルについて、NPU メーカーのコンパイラーが示す推定値です。この端末での実測は「比較」画面で行えます。',
  npuYours: 'お使いの NPU',
  npuAll: 'すべて',
  npuDecode: '毎秒トークン数（推定）',
  npuFirst: '512 トークンのプロンプトから最初のトークンまで（推定）',
  npuRefused: 'コンパイラーが受け付けません',
  npuNoEstimate: '受け付けます（速度の推定なし）',
  npuSource: (compiler, day, slots) =>
    `Intel のコンパイラー（${compiler}、${day}）による推定値で、実測値ではありません。コンテキストは ${slots} トークンです。実際にはブラウザーとドライバーの時間が加わります。`,
  npuQualcomm: (compiler) => `Qualcomm のコンパイラー（${compiler}）は、受け付けるかどうかだけを示します。`,
  browser: 'ブラウザー',
  device: 'デバイス',
  asked: '要求したデバイス',
  weightForm: '重みの形式',
  graphs: 'グラフ数',
  nodesOnWasm: 'WASM で処理されるノード',
  threads: 'スレッド数',
  singleTokens: '1 トークンずつの計算',
  singleTokensOn: (threads: number) =>
    threads === 1 ? '1 スレッド' : `最大 ${threads} スレッド（返信中に測定し、最も速い数を選択）`,
  singleTokensSlow: (why: string) => `ONNX Runtime で計算しています（低速）：${why}`,
  contextOf: (length, model) => `${length}（モデルの上限 ${model} トークン）`,
  memoryHeld: '使用メモリー',
  loadTime: '読み込み時間',
  loadTimes: (all, prepare, compile, warmUp) =>
    `${all}（準備 ${prepare}、コンパイル ${compile}、ウォームアップ ${warmUp}）`,
  userAgent: 'ユーザーエージェント',
  cores: 'プロセッサーのコア数',
  isolated: 'クロスオリジン分離（スレッド）',
  jspi: 'WebAssembly JSPI',
  weightError: '再量子化した重みの誤差',
  selfTest: '自己診断',
  selfTestValue: (nll, limit) => `合格：平易な英文で 1 トークンあたり ${nll} nat（正常なモデルは ${limit} 未満）`,
  notes: '備考',
  trials: 'オリジントライアル',
  trialNone: 'トークンなし',
  advice: '試せること',
  tryAnew: 'すべて試し直す',
  tryAnewHint: 'この端末のバックエンドについての結果をすべて消去し、モデルを読み込み直します。',
  'advice:webnn-flag':
    'このブラウザーでは WebNN が無効です。chrome://flags/#web-machine-learning-neural-network（Edge では edge://flags/#web-machine-learning-neural-network）で有効にしてブラウザーを再起動するか、設定でオリジントライアルのトークンを入力してください。',
  'advice:token-expired':
    'オリジントライアルのトークンの有効期限が切れています。新しいトークンを入手するか、ブラウザーのフラグで WebNN を有効にしてください。',
  'advice:npu':
    'NPU を要求しましたが、別のデバイスで動きました。Windows 11 24H2 以降では、ドライバー 32.0.100.4404 以降（デバイス マネージャーの「ニューラル プロセッサ」で確認できます）を入れた Intel Core Ultra（Meteor・Lunar・Arrow・Panther Lake）の NPU を使えます。AMD と Qualcomm（Snapdragon X）の NPU は既定で無効です（Chromium のソース、2026 年 11 月）。試すには、ブラウザーをいったん終了し、--webnn-ort-ignore-ep-blocklist 付きで起動してください。macOS では Core ML がデバイスを選びます。Linux の WebNN は CPU だけで動きます。',
  'advice:windows':
    'WebNN で GPU と NPU を使えるのは Windows 11 24H2 以降です。この Windows はそれより古いバージョンです。',
  'advice:driver':
    'WebGPU で使えるグラフィックスプロセッサーが見つかりません。ブラウザーの設定でハードウェアアクセラレーションを有効にし、最新のグラフィックスドライバーを入れてください。無効になっている機能は chrome://gpu で確認できます。',
  'advice:software-gpu':
    'グラフィックスアダプターがソフトウェアのため、CPU で計算しています。ハードウェアアクセラレーションを有効にし、最新のドライバーを入れると、WebGPU は本物のアダプターを使えます。',
  'advice:memory': 'メモリーが足りませんでした。より小さいモデルか短いコンテキストを選び、ほかのタブを閉じてください。',
  'advice:isolation':
    'ページがクロスオリジン分離されていないため、WASM は 1 スレッドで動きます。サーバーは Cross-Origin-Opener-Policy: same-origin と Cross-Origin-Embedder-Policy: require-corp を送る必要があります。送れない場合は、ページを一度再読み込みしてください。その後は Service Worker がヘッダーを追加します。',
  'advice:not-back':
    'ある重みの形式がブラウザーのプロセスをクラッシュさせたため、ブラウザーが変わるまで試しません。「すべて試し直す」を押すと解除されます。',
};
