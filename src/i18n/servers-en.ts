/** Strings of the menu of models and of chats with servers, in English. */
import { processorName } from '../../workers/shared/processor-name.ts';
import { plural } from './strings.ts';

export const serversEn = {
  chooseModel: 'Choose a model',
  chooseModelHint: 'The app loads the model at once and uses it for this chat and for new chats.',
  chooseModelBusy: 'You can choose another model when the reply or download has ended.',
  onThisDevice: 'On this device',
  onProcessor: processorName,
  runsOnDevice: (backend: string, device: string) => `Loaded on ${backend} (${device})`,
  modelLoading: 'Loading…',
  modelNotLoaded: 'Not loaded',
  modelFailed: 'Failed to load',
  modelInOtherTab: 'In another tab',
  modelAt: (model: string, host: string) => `${model} at ${host}`,
  back: 'Back',
  goOn: 'Continue',

  onServer: 'On a server',
  onServerHint:
    'A model that is too large for this tab can run in another program, or on another computer. A server answers only the chats that you send to it.',
  serverOther: 'Another',
  serverAdd: 'Add a server',
  serverForget: (model: string) => `Remove ${model} from this list`,
  serverConnect: 'Connect',
  serverConnecting: 'Connecting…',
  serverKey: 'Key, if the server needs one',
  serverKeyHint: 'The key stays in memory until you close this page. It is never stored or exported.',
  serverNoKey: 'The app sends a key only over https or to this machine. This address is neither.',
  'serverAllow:loopback': (origin: string) => `Allow chats to reach ${origin}.`,
  'serverAllow:private': (origin: string) =>
    `Allow chats to reach ${origin}, another machine in your network. The connection is not encrypted.`,
  'serverAllow:encrypted': (origin: string) => `Allow chats to reach ${origin} over the internet, encrypted.`,
  'serverAllow:open': (origin: string) =>
    `Allow chats to reach ${origin}. The connection is not encrypted, so anyone on the network path can read what you write.`,
  serverConsent: 'Send this chat to a server?',
  'serverReach:loopback':
    'What you write goes from this page to a program on this device. This page cannot see whether that program passes it on.',
  'serverReach:private': 'What you write leaves this device for another machine in your network, unencrypted.',
  'serverReach:encrypted':
    'What you write leaves this device over an encrypted connection. The server can read all of it.',
  'serverReach:open': 'What you write leaves this device unencrypted. Anyone on the network path can read it.',
  serverGoes: 'What is sent',
  serverGoesHistory: (count: number, figure: string) =>
    plural(count, 'the message of this chat so far', `the ${figure} messages of this chat so far`),
  serverGoesNew: 'everything that you write in this chat from now on',
  serverGoesSystem: 'the system prompt and the sampling settings of this chat',
  serverStays: 'What is not sent',
  serverStaysText:
    'Other chats. Documents that you did not attach to this chat. The app asks separately before it sends results of tools.',
  serverAgree: 'Send this chat there',
  leavesDevice: 'What you write leaves this device.',
  leavesPage: 'What you write leaves this page.',
  leavesTo: (model: string, origin: string) => `This chat is sent to ${origin}, where ${model} answers.`,
  serverEnterKey: 'Enter the key',
  waitingForServer: (host: string) => `Waiting for ${host}`,
  emptyTextServer: (origin: string) => `What you write in this chat is sent to ${origin}.`,
  contextServer: (tokens: string) => `${tokens} so far`,
  useServer: 'Use a model on a server',
};
