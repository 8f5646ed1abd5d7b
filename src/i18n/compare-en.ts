/** Strings of the compare screen, in English. */
import { plural } from './strings.ts';

export const compareEn = {
  compare: 'Compare',
  compareLead:
    'The same model and the same prompts on every backend of this browser, one after another, and beside them the servers of this machine.',
  compareSetup: 'What is measured',
  compareModel: 'Model',
  compareNoModel: 'No model is stored yet. The starter is small enough for a first comparison.',
  compareSetting: 'How thoroughly',
  compareQuick: 'Quick',
  compareFull: 'Full',
  compareQuickHint: 'Prompts of 32 and 512 tokens, replies of 32, three rounds after a warm-up round.',
  compareFullHint:
    'Prompts of 32, 512 and 2,048 tokens as far as the context goes, replies of 64, five rounds after a warm-up round, three loads.',
  compareCustom: 'As the address says',
  compareCustomHint: (prompts: string, tokens: string, rounds: string) =>
    `Prompts of ${prompts} tokens, replies of ${tokens}, ${rounds} rounds after a warm-up round.`,
  compareBackends: 'Backends',
  compareBackendsHint: 'What this browser does not have stays in the table, with the reason.',
  compareEveryForm: 'Every weight form of each backend',
  compareEveryFormHint: 'Takes several times as long. Otherwise each backend computes with its own choice.',
  compareShuffle: 'In random order',
  compareShuffleHint: 'A machine slows down as it gets warm: so no row is always the first.',
  compareEstimate: (time: string) => `About ${time}, if this machine is like a usual laptop.`,
  compareRun: 'Run',
  compareAgain: 'Run again',
  compareQuiet: 'Close other programs and plug the machine in. The chat is paused meanwhile.',

  compareServers: 'Servers on this machine',
  compareServersHint:
    'Local servers that speak the OpenAI chat API get the same prompts and the same stopwatch. Nothing is sent to them before you press Run.',
  compareServer: 'Server',
  compareServerOther: 'Another',
  compareAddress: 'Address',
  compareServerModel: 'Model, as the server names it',
  compareAddServer: 'Add a server',
  compareRemoveServer: (name: string) => `Remove ${name}`,
  compareLocalNetwork:
    'The browser may ask whether this page may reach other programs on this device. Where it was refused: the icon in front of the address, then “Local network access”.',
  'server:llamacpp':
    'llama-server answers pages as it comes. If it was started with --cors-origins, this page’s address belongs there. The Python server (llama-cpp-python) does so too.',
  'server:ollama':
    'Ollama answers pages on localhost. For any other address of this page set OLLAMA_ORIGINS to it and start Ollama again.',
  'server:lmstudio': 'LM Studio: Developer, Server settings, “Enable CORS”; or lms server start --cors.',
  'server:lemonade': 'Lemonade answers pages without any setting. Older versions listen on port 8000 instead of 13305.',
  'server:ovms':
    'OpenVINO Model Server: start it with --allowed_origins and this page’s address, on the port that --rest_port names.',
  'server:foundry':
    'Foundry Local chooses its port: foundry service status shows it. Where it does not answer pages, put a proxy in front that adds Access-Control-Allow-Origin.',
  'server:other':
    'The server must allow this page’s address in Access-Control-Allow-Origin, and Content-Type in Access-Control-Allow-Headers.',
  compareAllow: (origin: string) =>
    `${origin} is not on this machine: let the comparison send it the prompts. (A page on https reaches only https.)`,
  compareThisPage: (origin: string) => `This page’s address is ${origin}.`,

  compareRunning: (row: string, at: number, count: number) => `${row} (${at} of ${count})`,
  comparePrompts: 'Making the prompts',
  'phase:load': 'Loading',
  'phase:warm-up': 'Warm-up round, not counted',
  'phase:measure': 'Measuring',
  'phase:agreement': 'Checking what it computes',
  compareLeft: (time: string) => `about ${time} left`,

  compareResults: 'Results',
  compareCancelled: 'Stopped before the end: rows are missing.',
  headlinePair: (first: string, firstRow: string, second: string, secondRow: string, decode: string, prefill: string) =>
    `The ${first} (${firstRow}) writes ${decode} and reads ${prefill} as fast as the ${second} (${secondRow}).`,
  headlineTimes: (value: string, low: string, high: string) => `${value} times (${low} to ${high})`,
  headlineAlone: (kind: string, row: string, rate: string) =>
    `Everything that ran here ran on the ${kind}; the fastest, ${row}, writes ${rate} tokens a second.`,
  headlineNoNpu: 'No row gave evidence of running on an NPU.',
  headlineUnsteady: 'The rounds lie too far apart to compare: close other programs and run again.',
  headlineNone: 'No row computed rightly and steadily enough to be named.',

  chartDecode: 'Writing: decode, tokens a second',
  chartPrefill: (tokens: string) => `Reading: prefill at ${tokens} tokens, tokens a second`,
  chartTtft: (tokens: string) => `Waiting: first token after a prompt of ${tokens}, milliseconds`,
  chartMore: 'longer is better',
  chartLess: 'shorter is better',
  chartFigures: 'As a table',
  chartWhiskers:
    'Bars are medians; the line at a bar’s end is as long as the slowest and the fastest round lie apart. Dimmed bars gave other answers than the reference.',

  race: 'Race',
  raceHint: 'The replies as they came, at the speed that was measured.',
  raceStart: 'Start',
  raceStop: 'Stop',
  raceEnd: 'To the end',
  raceAfter: (time: string) => `done after ${time}`,

  tableRow: 'Row',
  tableDevice: 'Ran on',
  tableForm: 'Form',
  tableLoad: 'Load',
  tableCompile: 'Compile',
  tableTtft: 'First token, ms',
  tablePrefill: 'Prefill, tok/s',
  tableDecode: 'Decode, tok/s',
  tableDecodeEnd: 'Decode at the end, tok/s',
  tableMemory: 'Memory',
  tableAgreement: 'Agreement',
  tableMachine: 'Machine',
  tablePrompt: 'Prompt',
  tableSpread: 'Spread',
  tableMedian: 'Median',
  tableAbsent: 'Absent',
  tableUnsteady: 'unsteady',
  tableWrong: 'computes wrongly',
  tableCoarse: 'too coarse for this model',
  tableAnswered: (model: string) => `answered as: ${model}`,
  tableAsked: (device: string) => `asked for: ${device}`,
  tablePrepared: (time: string) => `weights made in ${time}`,
  tableAll: (share: string) => `${share} of all steps`,
  tableLengths: 'Every prompt length',
  tableRounds: (count: number, figure: string) => plural(count, `${figure} round`, `${figure} rounds`),

  method: 'How to read this',
  methodFigures: (rounds: string, decode: string) =>
    `Figures are medians of ${rounds} rounds after one that is dropped, ± half the distance between the fastest and the slowest round. Each row ran in a worker of its own. Prefill is the prompt’s tokens over the time to the first token; decode is measured over replies of ${decode} tokens, the first left out.`,
  methodLoads: (loads: string) =>
    `Load: from the browser’s storage to ready, loads measured: ${loads}. Compile is a part of it.`,
  methodReference: (name: string, steps: string) =>
    `Agreement: of the steps at which the reference’s best token leads by 0.7 nats or more, the share at which this row has the same. Reference: ${name}, ${steps} steps.`,
  methodNoReference: 'Agreement: there was nothing to measure it against.',
  methodNative:
    'A server’s own tokens and template count for its row, and its model may be another. What it computes on, it does not say.',
  methodDevice:
    'What a row is called comes from the browser (MLGraph.devices, the adapter’s name), never from what was asked for.',
  methodWatts:
    'A page cannot see watts. Read them while a row runs: Windows has powercfg /srumutil and Task Manager’s NPU graph; macOS sudo powermetrics; Linux turbostat, nvidia-smi or intel_gpu_top.',

  share: 'Share',
  shareMarkdown: 'Copy as Markdown',
  sharePng: 'Picture',
  shareLink: 'Copy a link',
  shareHint:
    'A link holds the result itself, behind the #: no server sees it. Browser, system, graphics adapter, cores and the replies are in it; nothing about you.',
  importResult: 'Add somebody’s result…',
  importHint: 'A JSON file of this page, from another machine, is shown beside yours.',
  importTitle: 'What is in it',
  importShow: 'Show it',
  importDiscard: 'Discard',
  compareImportRefused: 'This result cannot be added',
  importRows: (count: number, figure: string) => plural(count, `${figure} row`, `${figure} rows`),
  importClaims: 'Nobody has checked these figures: they are what the file says.',
  machineCores: (count: number, figure: string) => plural(count, `${figure} core`, `${figure} cores`),
  machineThis: 'This machine',
  removeResult: (machine: string) => `Remove the result of ${machine}`,
} as const;
