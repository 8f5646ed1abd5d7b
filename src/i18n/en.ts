import { compareEn } from './compare-en.ts';
import { diagnosticsEn } from './diagnostics-en.ts';
import { documentsEn } from './documents-en.ts';
import { formEn } from './form-en.ts';
import { modelsEn } from './models-en.ts';
import { resultsEn } from './results-en.ts';
import { promptsEn } from './prompts-en.ts';
import { serversEn } from './servers-en.ts';
import { plural, type Translation } from './strings.ts';
import { toolsEn } from './tools-en.ts';

/** Every string that a person can read, in English: the catalogue that other languages are typed against. */

export const en = {
  appName: 'Phi in a tab',

  // Frame
  sidebar: 'Chats and screens',
  hideList: 'Hide the list of chats',
  openMenu: 'Open menu',
  close: 'Close',
  cancel: 'Cancel',
  tryAgain: 'Try again',
  undo: 'Undo',
  copy: 'Copy',
  copied: 'Copied',
  copyCode: (language: string) => (language ? `Copy code, ${language}` : 'Copy code'),
  codeIn: (language: string) => (language ? `Code, ${language}` : 'Code'),
  table: 'Table',
  unformatted: 'From here on the text is not formatted, because it is too large or too complex.',
  copyFailed: 'The browser does not allow copying here',
  yes: 'yes',
  no: 'no',
  unknown: 'unknown',
  models: 'Models',
  settings: 'Settings',
  diagnostics: 'Diagnostics',

  // List of conversations
  temporaryChat: 'Temporary chat',
  temporaryHint: 'This chat is not stored. It is gone when you open another chat or close the page.',
  editReply: 'Edit reply',
  editedByYou: 'Edited by you',
  save: 'Save',
  deleteAll: 'Delete all chats…',
  deleteAllChats: 'Delete all chats',
  deleteAllConfirm: (count: number, figure: string) =>
    plural(count, 'This deletes your chat for good.', `This deletes all ${figure} chats for good.`),
  allChatsDeleted: 'All chats were deleted.',
  samplingOwn: 'How the next word is chosen. These settings apply to this chat only.',
  samplingShared: 'How the next word is chosen. A change applies to this chat only.',
  samplingUseShared: 'Use the settings of all chats',
  newChat: 'New chat',
  searchChats: 'Search chats',
  noChats: 'Your chats will be listed here. They stay in this browser.',
  nothingFound: 'No chat matches.',
  untitled: 'Untitled',
  pinned: 'Pinned',
  today: 'Today',
  yesterday: 'Yesterday',
  week: 'Previous 7 days',
  older: 'Older',
  chatActions: (title: string) => `Actions for “${title}”`,
  rename: 'Rename',
  folderField: 'Folder, or empty for none',
  pin: 'Pin',
  unpin: 'Unpin',
  delete: 'Delete',
  chatDeleted: 'Chat deleted',
  exportMarkdown: 'Export as Markdown',
  exportJson: 'Export as JSON',
  exportDamaged: (count: number, figure: string) =>
    plural(count, `${figure} chat is damaged and was left out.`, `${figure} chats are damaged and were left out.`),
  imported: (count: number, figure: string) => plural(count, `${figure} chat imported.`, `${figure} chats imported.`),
  importRefused: 'These chats cannot be imported',
  importedKnown: (count: number, figure: string) =>
    plural(count, `${figure} was here already.`, `${figure} were here already.`),
  notStored: 'Your chats are not being saved',

  // Conversation
  conversation: 'Conversation',
  message: 'Message',
  messagePlaceholder: 'Write a message',
  send: 'Send',
  sendHint: 'Send (Enter)',
  stop: 'Stop',
  stopHint: 'Stop (Esc)',
  you: 'You',
  reply: 'Reply',
  replying: 'Replying…',
  thinking: 'Thinking…',
  thinkingFor: (time: string) => `Thinking for ${time}…`,
  thoughtFor: (time: string) => `Thought for ${time}`,
  thoughts: 'Thoughts',
  stopping: 'Stopping…',
  reading: (done: string, total: string) => `Reading the conversation: ${done} of ${total} tokens`,
  waitingForModel: 'Waiting for the model',
  toEnd: 'Go to the end',
  edit: 'Edit',
  editMessage: 'Edit message',
  sendAgain: 'Send',
  regenerate: 'Regenerate',
  continue: 'Continue',
  branch: 'Branch into a new chat',
  branched: 'This is a copy up to that message. The other chat is unchanged.',
  previousVersion: 'Previous version',
  nextVersion: 'Next version',
  versionOf: (at: number, count: number) => `Version ${at} of ${count}`,
  readAloud: 'Read aloud',
  stopReading: 'Stop reading',
  attach: 'Attach files',
  writtenElsewhere: 'Another tab is writing this reply.',
  cutMaxTokens: 'Stopped: the reply reached its token limit.',
  cutContext: 'Stopped: the context is full.',
  cutStopped: 'Stopped.',
  cutReload: 'Cut off because the page was closed or reloaded.',
  tokensPerSecond: (rate: string) => `${rate} tokens a second`,
  detailModel: 'Model',
  detailWritten: 'Written',
  detailRead: 'Read',
  detailContext: 'Context used',
  detailFirst: 'Time to first token',
  readOf: (fresh: string, all: string) => `${fresh} new of ${all}`,
  speedTitle: (prompt: string, prefilled: string, context: string) =>
    `Prompt ${prompt} tokens, ${prefilled} of them new to the cache; context ${context} tokens`,
  tokens: (count: number, figure: string) => plural(count, `${figure} token`, `${figure} tokens`),
  context: (used: string, all: string) => `${used} of ${all} tokens`,
  contextTitle: (used: string, all: string, left: string) => `${used} of ${all} tokens of context used, ${left} left`,
  willLeaveContext: (count: number, figure: string) =>
    plural(count, `The oldest message will leave the context`, `The ${figure} oldest messages will leave the context`),
  noLongerInContext: (count: number, figure: string) =>
    plural(count, `${figure} message no longer in context`, `${figure} messages no longer in context`),
  tooLong: (tokens: string, over: string) =>
    `This message needs ${tokens} tokens, including the system prompt. That is ${over} more than the context holds. Shorten it.`,
  noticeMoved: (error: string, candidate: string) => `${error} The reply continues on ${candidate}.`,
  noticeRopeSwitch:
    'The conversation is now too long for the model’s short context. The model read all of it again in its long-context mode.',
  runsOn: 'Runs on',

  // Menu of models, servers
  ...serversEn,
  ...promptsEn,

  // Empty chat
  emptyTitle: 'What is on your mind?',
  emptyText: 'The model runs on this device. What you write stays here.',
  promptExplainTitle: 'Explain something',
  promptExplain: 'Explain in three sentences why the sky is blue.',
  promptWriteTitle: 'Write something',
  promptWrite: 'Write a short poem about a lighthouse in winter.',
  promptIdeasTitle: 'Find ideas',
  promptIdeas: 'Give me five names for a small bakery.',
  promptRewriteTitle: 'Say it better',
  promptRewrite: 'Rewrite this politely: “Send me the report today, it is late.”',

  // First visit
  welcomeTitle: 'A chat that stays in this tab',
  welcomeText:
    'You download a language model once. Then it runs on your own device, even offline. Nothing you write leaves the device.',
  starterPlain:
    'The starter is a very small model and speaks mainly English. It shows that everything works, but it makes mistakes that a Phi does not.',
  getPhi: 'How to get a Phi',
  downloadAndStart: (size: string) => `Download ${size} and start`,
  downloadStarter: 'Download the starter model',
  typeMeanwhile: 'Then the model starts, which takes a few seconds. Meanwhile, you can write your first message.',
  size: 'Size',
  licence: 'Licence',
  origin: 'Origin',

  // Progress
  modelStatus: 'Model status',
  starting: 'Starting…',
  downloading: 'Downloading',
  importing: 'Copying',
  verifying: 'Checking',
  preparing: 'Preparing weights',
  compiling: 'Compiling',
  warmingUp: 'Warming up',
  loadingModel: (name: string) => `Loading ${name}`,
  modelElsewhere: 'The model runs in another tab.',
  modelElsewhereHint:
    'Only one tab at a time holds a model in memory. The model also moves here when you close that tab.',
  useHere: 'Use it here',
  loadCancelled: 'Loading was cancelled',
  bytesOf: (done: string, total: string) => `${done} of ${total}`,
  timeLeft: (time: string) => `${time} left`,

  // Models
  ...modelsEn,

  ...documentsEn,
  ...formEn,
  ...toolsEn,

  // Options and settings
  chatOptions: 'Chat options',
  systemPrompt: 'System prompt',
  systemPlaceholder: 'None',
  systemHintChat: 'Instructions that this chat begins with.',
  systemHintNew: 'Instructions that new chats begin with.',
  presets: 'Presets',
  presetNone: 'None',
  presetGeneral: 'General',
  presetGeneralText: 'You are a helpful assistant. Answer briefly and plainly. Say so when you do not know.',
  presetCode: 'Code',
  presetCodeText:
    'You are an experienced programmer. Answer with working code first, then explain it in a few sentences.',
  presetTranslate: 'Translate',
  presetTranslateText:
    'You are a translator. Translate what the user writes into English, or from English into Japanese. Give the translation only.',
  sampling: 'Sampling',
  samplingHint:
    'How the next word is chosen. Applies to all chats without settings of their own, from the next reply on.',
  samplingReset: 'Back to defaults',
  temperature: 'Temperature',
  temperatureHint: '0 always takes the likeliest word. Higher values vary more.',
  topK: 'Top-k',
  topKHint: 'Chooses among this number of likeliest words. 0 turns it off.',
  topP: 'Top-p',
  topPHint: 'Chooses among the likeliest words that together reach this probability. 1 turns it off.',
  minP: 'Min-p',
  minPHint: 'Leaves out words below this share of the likeliest word’s probability. 0 turns it off.',
  repetitionPenalty: 'Repetition penalty',
  repetitionPenaltyHint: 'Makes words less likely once they were used. 1 turns it off.',
  maxTokens: 'Longest reply (tokens)',
  seed: 'Seed',
  seedRandom: 'Random',
  appearance: 'Appearance',
  language: 'Language',
  languageAuto: 'Automatic',
  theme: 'Theme',
  themeSystem: 'System',
  themeLight: 'Light',
  themeDark: 'Dark',
  engine: 'Engine',
  engineHint:
    'Where the model runs. “Automatic” tries what this browser offers and takes the fastest backend that computes correctly.',
  backend: 'Backend',
  backendAuto: 'Automatic',
  contextLength: 'Context length',
  contextAuto: 'As much as fits',
  power: 'Graphics processor',
  powerAuto: 'Automatic',
  powerLow: 'Saves power',
  powerHigh: 'Fastest',
  trialToken: 'Origin-trial token for WebNN',
  trialHint:
    'The browser’s maker issues this token for a site. It turns WebNN on without a flag once you reload the page.',
  trialWrong: 'This is not an origin-trial token.',
  trialUntil: (feature: string, date: string) => `${feature}, valid until ${date}`,
  trialExpired: (feature: string, date: string) => `${feature}, expired on ${date}`,
  trialOtherSite: (origin: string) => `It is for ${origin}.`,
  reloadHint: 'The loaded model does not use these settings yet.',
  reloadModel: 'Reload the model',
  newChats: 'New chats',
  yourChats: 'Your chats',
  yourChatsHint:
    'JSON holds everything and can be imported here or in another browser. Markdown is for reading. Exports of ChatGPT (conversations.json), Open WebUI and LM Studio can be imported, too.',
  exportAllJson: 'Export all as JSON',
  exportAllMarkdown: 'Export all as Markdown',
  importChats: 'Import…',
  storage: 'Storage',
  storageRest: 'The app itself and the rest',
  shortcuts: 'Keyboard',
  keyNewline: 'New line',
  aboutApp: 'About',
  licences: 'Licences of the software and models in this app',
  licencesFailed: 'The list of licences could not be fetched',
  resetSettings: 'Reset all settings',

  // Diagnostics
  ...diagnosticsEn,

  // Compare

  // Lending
  lendGrants: 'Sites that may borrow a model',
  lendGrantsHint:
    'You lent a model to these sites for some time. The app offers them the same model again. Each visit still needs your click in a window of this app.',
  lendUntil: (site: string, date: string) => `${site}, until ${date}`,
  lendRevoke: (site: string) => `Stop lending to ${site}`,
  ...compareEn,
  ...resultsEn,

  // Installed and offline
  readyOffline: 'Ready offline',
  offlineReadyNow: 'Offline, and ready',
  offline: 'Offline',
  offlineTrying: 'No network. Trying again…',
  serverTrying: 'The server does not answer. Trying again…',
  updateReady: 'A new version is ready.',
  update: 'Update',
  later: 'Later',
  updateWaits: 'The update starts as soon as no tab of this app is busy.',
  threadsReady: 'Reload this page to use all processor cores.',
  reload: 'Reload',
  appSection: 'This app',
  install: 'Install',
  installHint: 'The installed app opens in its own window. Other apps can share text and model files with it.',
  installByMenu: 'To install it, use “Install” or “Add to Home Screen” in the browser’s menu.',
  isInstalled: 'The app is installed.',
  offlineYes: 'Ready offline: the page, ONNX Runtime and the model are stored in this browser.',
  offlineNoModel: 'Not ready offline: no model is stored yet.',
  offlineNotYet:
    'Not ready offline yet: a part of the app is not stored. Load a model while you are online to store it.',
  offlineNoWorker:
    'Not ready offline: this browser does not allow a service worker here (a private window, or an address that is not https).',
  threadsLost: (cores: string) =>
    `One thread only: the page is not cross-origin isolated. Replies on WASM do not use the ${cores} cores of this processor and are several times slower. Use a host that sends the headers, or allow the service worker.`,
  allowedServers: 'Servers that you allowed',
  allowedServersHint:
    'The page may connect to these servers, to the model hub and to this device. After you remove a server, it is out of reach from the next reload on.',
  'allowedFor:models': 'for models',
  'allowedFor:chat': 'for chats',
  'allowedFor:compare': 'for comparisons',
  removeServer: (origin: string) => `Remove ${origin}`,
  evicted:
    'The model that was stored here is gone. The browser cleared it, or its storage was deleted. Your chats are still here. Download the model again to continue.',

  /** For places with space for one line only; `message` is in English. */
  errorLine: (what: string, message: string) => `${what}: ${message}`,
  // Headings of errors, by code; the message itself follows
  'error:bad-model': 'The model file is damaged',
  'error:unsupported-model': 'This kind of model does not run here',
  'error:bad-document': 'This file cannot be read',
  'error:network': 'The server could not be reached',
  'error:integrity': 'The download differs from the published file',
  'error:quota': 'The browser’s storage is full',
  'error:storage': 'The browser’s storage failed',
  'error:newer-version': 'A newer version of this app is in use',
  'error:cancelled': 'Cancelled',
  'error:no-model': 'No model is loaded',
  'error:context-full': 'This does not fit the context',
  'error:bad-request': 'That is not possible',
  'error:backend': 'The backend failed',
  'error:device-lost': 'The device stopped working',
  'error:out-of-memory': 'There is not enough memory',
  'error:worker-died': 'The engine stopped',
  'error:internal': 'Something went wrong in the program',
} as const;

/** The shape of a catalogue: the same keys, and functions of the same arguments. */
export type Catalogue = Translation<typeof en>;
