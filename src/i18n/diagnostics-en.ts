/** Strings of the diagnostics screen, in English. */

export const diagnosticsEn = {
  diagnosticsText: 'What really runs, as measured on this device. None of this is sent anywhere.',
  copyReport: 'Copy the report',
  whatRuns: 'What runs',
  nothingRuns: 'No model is loaded.',
  passedOver: 'Not used',
  passedOverHint: 'Backends, devices and weight formats that were tried or considered, and why they are not used.',
  nothingPassedOver: 'None: the first choice works.',
  npuTitle: 'Estimates for NPUs',
  npuHint: 'Estimates of the vendors’ NPU compilers for this model. The Compare screen measures this device.',
  npuYours: 'Your NPU',
  npuAll: 'All',
  npuDecode: 'Estimated tokens a second',
  npuFirst: 'Estimated time to the first token after 512 tokens',
  npuRefused: 'The compiler refuses the model',
  npuNoEstimate: 'The compiler accepts the model, but does not estimate its speed',
  npuSource: (compiler: string, day: string, slots: string) =>
    `Estimated by Intel’s compiler (${compiler}, ${day}) for a context of ${slots} tokens, not measured. The browser and the driver add to it.`,
  npuQualcomm: (compiler: string) => `Qualcomm’s compiler (${compiler}) only says whether it accepts the model.`,
  browser: 'Browser',
  device: 'Device',
  asked: 'Requested',
  weightForm: 'Weight format',
  graphs: 'Graphs',
  nodesOnWasm: 'Nodes that fell back to WASM',
  threads: 'Threads',
  singleTokens: 'Single tokens',
  singleTokensOn: (threads: number) =>
    threads === 1 ? '1 thread' : `Up to ${threads} threads; replies measure which number is fastest`,
  singleTokensSlow: (why: string) => `ONNX Runtime computes them, which is slower: ${why}`,
  contextOf: (length: string, model: string) => `${length} of the model’s ${model} tokens`,
  memoryHeld: 'Memory held',
  loadTime: 'Load time',
  loadTimes: (all: string, prepare: string, compile: string, warmUp: string) =>
    `${all} (preparing ${prepare}, compiling ${compile}, warm-up ${warmUp})`,
  userAgent: 'User agent',
  cores: 'Processor cores',
  isolated: 'Cross-origin isolated (threads)',
  jspi: 'WebAssembly JSPI',
  weightError: 'Error of requantised weights',
  selfTest: 'Self-test',
  selfTestValue: (nll: string, limit: string) =>
    `passed: ${nll} nats per token on a plain English text (a working model stays below ${limit})`,
  notes: 'Notes',
  trials: 'Origin trials',
  trialNone: 'no token',
  advice: 'What may help',
  tryAnew: 'Try everything again',
  tryAnewHint: 'Forgets all results for the backends of this device, and loads the model again.',
  'advice:webnn-flag':
    'WebNN is off in this browser. Turn it on at chrome://flags/#web-machine-learning-neural-network (in Edge, edge://flags/#web-machine-learning-neural-network) and restart the browser, or enter an origin-trial token in Settings.',
  'advice:token-expired':
    'The origin-trial token has expired. Get a new one, or turn WebNN on with the browser’s flag.',
  'advice:npu':
    'An NPU was requested, but another device ran. Windows 11 24H2 and later use the NPU of an Intel Core Ultra (Meteor, Lunar, Arrow and Panther Lake) with driver 32.0.100.4404 or newer (Device Manager, “Neural processors”). NPUs of AMD and Qualcomm (Snapdragon X) are off by default (Chromium’s source, November 2026). To try one, close the browser and start it with --webnn-ort-ignore-ep-blocklist. On macOS, Core ML chooses the device. On Linux, WebNN runs on the CPU only.',
  'advice:windows': 'WebNN reaches the GPU and the NPU on Windows 11 24H2 and later. This Windows is older.',
  'advice:driver':
    'WebGPU found no usable graphics processor. Turn on hardware acceleration in the browser’s settings, and install the current graphics driver. chrome://gpu shows what is blocked.',
  'advice:software-gpu':
    'The graphics adapter is software, which computes on the CPU. Turn on hardware acceleration and install a current driver, so that WebGPU can use the real adapter.',
  'advice:memory': 'There was not enough memory. Choose a smaller model or a shorter context, and close other tabs.',
  'advice:isolation':
    'The page is not cross-origin isolated, so WASM runs on one thread. The server must send Cross-Origin-Opener-Policy: same-origin and Cross-Origin-Embedder-Policy: require-corp. If it cannot, reload the page once: the service worker then adds these headers.',
  'advice:not-back':
    'One weight format crashed a process of the browser. It is not tried again until the browser changes. “Try everything again” clears this.',
};
