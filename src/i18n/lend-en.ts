import { plural } from './strings.ts';
import type { Translation } from './strings.ts';

/** Words of the page that lends a model to another site (lend.html). */
export const lendEn = {
  title: 'Lend your model',
  asks: 'A site asks for your model',
  explained:
    'The model runs in this window, on this device. The site sends its questions here and gets the answers. It cannot see your chats, your settings or anything else that is stored here.',
  site: 'Site',
  model: 'Model',
  term: 'Remember this site',
  once: 'No',
  /** In place of `once` where the site is remembered: it stays so. */
  asBefore: 'as before',
  hour: 'for an hour',
  month: 'for 30 days',
  termHint: 'Each visit still needs your click. A site that is remembered gets the same model again.',
  known: 'You have lent a model to this site before, and the app remembers it.',
  lend: 'Lend the model',
  refuse: 'No',
  refuseAlone: 'Refuse the request',
  noModel: 'There is no model in this browser yet. Open the app and download one first.',
  openApp: 'Open the app',
  lending: (site: string) => `Lending to ${site}`,
  keepOpen: 'Keep this window open. When you close it, the site can no longer use the model.',
  preparing: 'Preparing the model…',
  ready: 'Ready',
  replies: (count: number, figure: string) => plural(count, `${figure} reply so far`, `${figure} replies so far`),
  elsewhere: 'The app runs its model in another tab. Your own chat has priority. Close that tab, then try again.',
  stop: 'Stop lending',
  stopped: 'The model is no longer lent. You can close this window.',
  own: 'The app needed the model for your own chat, so it is no longer lent. You can close this window.',
  hostile: 'The site sent a message that is not allowed, so the app closed the connection.',
  refused: 'You refused. You can close this window.',
  alone: 'Other sites open this window to borrow your model. No site is asking now.',
} as const;

export type LendCatalogue = Translation<typeof lendEn>;
