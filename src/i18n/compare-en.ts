/** Strings of the compare screen, in English. */
import { plural } from './strings.ts';

export const compareEn = {
  compareLead:
    'Runs the same model and the same prompts on every backend of this browser, one after another, and on the local servers that you add.',
  compareSetup: 'Setup',
  compareModel: 'Model',
  compareNoModel: 'No model is stored yet. The starter is small enough for a first comparison.',
  compareSetting: 'How thoroughly',
  compareQuick: 'Quick',
  compareFull: 'Full',
  compareQuickHint:
    'Prompts of 32 and 512 tokens, replies of 32 tokens, three rounds after a warm-up round; llama-bench’s pp512 and tg128.',
  compareFullHint:
    'Prompts of 32, 512 and 2,048 tokens (as far as the context allows), replies of 64 tokens, five rounds after a warm-up round, three loads; llama-bench’s pp512 and tg128, also behind 1,024 and 4,096 tokens.',
  compareCustom: 'From the address',
  compareCustomHint: (prompts: string, tokens: string, rounds: string) =>
    `Prompts of ${prompts} tokens, replies of ${tokens}, ${rounds} rounds after a warm-up round.`,
  compareBackends: 'Backends',
  compareBackendsHint: 'A backend that this browser lacks stays in the table, with the reason.',
  compareEveryForm: 'Every weight format of each backend',
  compareEveryFormHint:
    'The run takes several times as long. If this is off, each backend uses the format that it chooses itself.',
  compareTasks: 'Also measure kinds of task',
  compareTasksHint:
    'Also measures prompts and replies as long as MLPerf Client’s for code analysis, writing and summaries. The run takes several times as long.',
  compareStandIn: 'Run WebGPU with Tiny Phi',
  compareStandInHint:
    'WebGPU runs in software on this device and would take hours for this model. Its row measures a tiny model with random weights instead, and says so.',
  compareBuiltIn: 'The browser’s own model',
  compareBuiltInHint: 'The model behind LanguageModel. It is another model, and its row says so.',
  compareBroken: 'A run has not finished',
  compareBrokenHint: (model: string, done: string, all: string) =>
    `${model}: ${done} of ${all} rows are measured and kept. You can continue with the others.`,
  compareGoOn: 'Continue',
  compareDiscard: 'Discard it',
  compareShuffle: 'In random order',
  compareShuffleHint: 'A device slows down as it gets warm. In random order, the same row is not always the first.',
  compareEstimate: (time: string) => `About ${time} on a typical laptop.`,
  compareRun: 'Run',
  compareAgain: 'Run again',
  compareQuiet: 'Close other programs and plug the device in. The chat is paused during the run.',

  compareServers: 'Servers on this machine',
  compareServersHint:
    'Local servers that speak the OpenAI chat API get the same prompts and are timed in the same way. Nothing is sent to them before you press Run.',
  compareServer: 'Server',
  compareAddress: 'Address',
  compareServerModel: 'Model, as the server names it',
  compareAbsent: 'This browser lacks it. You can still choose it.',
  compareAddServer: 'Add a server',
  compareRemoveServer: (name: string) => `Remove ${name}`,
  compareLocalNetwork:
    'The browser may ask whether this page may reach other programs on this device. If you refused, open the icon in front of the address and allow “Local network access”.',
  'server:llamacpp':
    'llama-server answers pages by default. If you started it with --cors-origins, add this page’s address there. The Python server (llama-cpp-python) works the same way.',
  'server:ollama':
    'Ollama answers pages on localhost. For another address, set OLLAMA_ORIGINS to this page’s address and restart Ollama.',
  'server:lmstudio':
    'In LM Studio, open Developer, then Server settings, and turn on “Enable CORS”. Or run lms server start --cors.',
  'server:lemonade': 'Lemonade answers pages without any setting. Older versions listen on port 8000 instead of 13305.',
  'server:ovms':
    'Start OpenVINO Model Server with --allowed_origins and this page’s address. Its port is the one that --rest_port names.',
  'server:foundry':
    'Foundry Local chooses its port. Run foundry service status to see it. If it does not answer pages, put a proxy in front that adds Access-Control-Allow-Origin.',
  'server:vllm':
    'vLLM answers pages by default. If you started it with --allowed-origins, add this page’s address there.',
  'server:other':
    'The server must allow this page’s address in Access-Control-Allow-Origin, and Content-Type in Access-Control-Allow-Headers.',
  compareAllow: (origin: string) =>
    `${origin} is not on this device. Allow the comparison to send it the prompts. (A page on https can only reach https.)`,
  compareThisPage: (origin: string) => `This page’s address is ${origin}.`,

  compareRunning: (row: string, at: number, count: number) => `${row} (${at} of ${count})`,
  comparePrompts: 'Making the prompts',
  'phase:cool': 'Cooling down',
  'phase:tests': 'llama-bench’s tests',
  'phase:tasks': 'Kinds of task',
  'phase:load': 'Loading',
  'phase:warm-up': 'Warm-up round, not counted',
  'phase:measure': 'Measuring',
  'phase:agreement': 'Checking what it computes',
  compareLeft: (time: string) => `about ${time} left`,

  compareResults: 'Results',
  compareCancelled: 'Stopped before the end, so rows are missing.',
  headlinePair: (first: string, firstRow: string, second: string, secondRow: string, decode: string, prefill: string) =>
    `The ${first} (${firstRow}) writes ${decode} and reads ${prefill} as fast as the ${second} (${secondRow}).`,
  headlineTimes: (value: string, low: string, high: string) => `${value} times (${low} to ${high})`,
  headlineAlone: (kind: string, row: string, rate: string) =>
    `Everything here ran on the ${kind}. The fastest row, ${row}, writes ${rate} tokens a second.`,
  headlineNoNpu: 'No row gave evidence of running on an NPU.',
  headlineUnsteady: 'The rounds differ too much to compare. Close other programs and run again.',
  headlineNone: 'No row computed correctly and steadily enough to be the fastest.',

  chartDecode: 'Writing: decode, tokens a second',
  chartPrefill: (tokens: string) => `Reading: prefill at ${tokens} tokens, tokens a second`,
  chartTtft: (tokens: string) => `Waiting: first token after a prompt of ${tokens}, milliseconds`,
  chartMore: '(longer is better)',
  chartLess: '(shorter is better)',
  chartFigures: 'As a table',
  chartWhiskers:
    'Bars are medians. The line at a bar’s end is as long as the gap between the slowest and the fastest round. Rows with dimmed bars gave other results than the reference.',

  race: 'Race',
  raceHint: 'Replays the replies at the measured speed.',
  raceStart: 'Start',
  raceStop: 'Stop',
  raceEnd: 'Skip to the end',
  raceAfter: (time: string) => `done after ${time}`,

  tableRow: 'Row',
  tableDevice: 'Ran on',
  tableForm: 'Weights',
  tableLoad: 'Load',
  tableCompile: (time: string) => `compiling ${time}`,
  tableTtft: 'First token, ms',
  tablePrefill: 'Prefill, tok/s',
  tableDecode: 'Decode, tok/s',
  tableDecodeEnd: 'Decode at the end, tok/s',
  tableMemory: 'Memory',
  tableAgreement: 'Agreement',
  tableMachine: 'Machine',
  tablePrompt: 'Prompt, tokens',
  tableSpread: 'Spread',
  tableMedian: 'Median',
  tableAbsent: 'Absent',
  tableUnsteady: (share: string) => `unsteady: rounds differ by ${share}`,
  tableUnsteadyHint:
    'The rounds differ by more than 15 % of their median, so this figure should not be quoted. Close other programs and run again.',
  tableOtherModel: (model: string) => `another model: ${model}`,
  tableCharging: (before: string, after: string) => `charging, battery ${before} → ${after}`,
  tableBattery: (before: string, after: string) => `on battery, ${before} → ${after}`,
  tableCold: (time: string, bytes: string) => `cold start ${time}, ${bytes} fetched`,
  tableColdHint:
    'The time from an empty worker to the first token of its first reply, and the bytes that came over the network.',
  tableFirst: (step: string, gap: string) => `first differs at step ${step} (lead ${gap})`,
  tableFirstHint:
    'The first step at which this row’s best token differs from the reference’s. The lead says how far ahead the reference’s token is there, in nats.',
  tableWrong: 'wrong results',
  tableCoarse: 'too coarse for this model',
  tableAnswered: (model: string) => `answered as: ${model}`,
  tableAsked: (device: string) => `requested: ${device}`,
  tablePrepared: (time: string) => `weights prepared in ${time}`,
  tableAll: (share: string) => `${share} of all steps`,
  tableLengths: 'Every prompt length',
  testsTitle: 'In llama-bench’s terms',
  testsRate: 'Tokens a second',
  testsHint:
    'pp512 is the speed of reading a prompt of 512 tokens, tg128 that of writing 128 tokens. “@ d1024” means behind 1,024 tokens of context. The tests use token ids only, without a chat template or text.',
  tasksTitle: 'Kinds of task',
  tasksHint:
    'Prompts and replies are as long as those of MLPerf Client 1.6. The texts are this app’s own, so these figures are not results of MLPerf Client.',
  tasksKind: 'Task',
  tasksLengths: (prompt: string, reply: string) => `prompt ${prompt} tokens, reply ${reply}`,
  'task:content': 'Content generation',
  'task:creative': 'Creative writing',
  'task:summary-light': 'Summary, light',
  'task:summary-moderate': 'Summary, moderate',
  'task:code': 'Code analysis',
  tableRounds: (value: string, count: number, figure: string) =>
    `${value}, ${plural(count, `${figure} round`, `${figure} rounds`)}`,

  method: 'How to read this',
  methodFigures: (rounds: string, decode: string) =>
    `Figures are medians of ${rounds} rounds after a warm-up round, ± half the gap between the fastest and the slowest round. Each row ran in its own worker. Prefill is the number of prompt tokens divided by the time to the first token. Decode is measured over replies of ${decode} tokens, without the first token.`,
  methodLoads: (loads: string) =>
    `Load: the time from the browser’s storage to ready (loads measured: ${loads}). It includes compiling.`,
  methodReference: (name: string, steps: string) =>
    `Agreement: at the steps where the reference’s best token leads by 0.7 nats or more, the share at which this row has the same best token. Reference: ${name}, ${steps} steps.`,
  methodNoReference: 'Agreement: not measured, because there was no reference.',
  methodNative:
    'A server counts tokens with its own tokenizer and template, and its model may differ. It does not say which device it computes on. It may keep the beginning of the chat template from one prompt to the next, and then its prefill is a little too fast.',
  methodTests:
    'pp and tg are measured as in llama-bench: token ids in and out, no text, and a first round that does not count. The engine’s loop also chooses each token, which llama-bench does not.',
  methodDevice:
    'A row’s device is what the browser reports (MLGraph.devices, the adapter’s name), not what was requested.',
  methodWatts:
    'A page cannot measure power. Read it while a row runs: on Windows with powercfg /srumutil and the NPU graph of Task Manager; on macOS with sudo powermetrics; on Linux with turbostat, nvidia-smi or intel_gpu_top.',

  share: 'Share',
  shareMarkdown: 'Copy as Markdown',
  sharePng: 'Picture',
  shareLink: 'Copy a link',
  shareHint:
    'The link holds the result itself, behind the #, so no server sees it. It contains browser, system, graphics adapter, cores and the replies, and nothing about you.',
  importResult: 'Add another result…',
  importHint:
    'Shows a file beside your result: JSON that this page made on another device, or a file of llama-bench or LocalMode Bench.',
  importSource: 'Measured by',
  importTitle: 'Contents',
  importShow: 'Show it',
  importDiscard: 'Discard',
  compareImportRefused: 'This result cannot be added',
  importRows: (count: number, figure: string, date: string) =>
    `${plural(count, `${figure} row`, `${figure} rows`)}, ${date}`,
  importClaims: 'The file claims these figures. Nobody has checked them.',
  machineCores: (count: number, figure: string) => plural(count, `${figure} core`, `${figure} cores`),
  machineThis: 'This machine',
  removeResult: (machine: string) => `Remove the result of ${machine}`,
} as const;
