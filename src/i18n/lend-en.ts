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
  term: 'Ask again',
  once: 'at the next visit',
  hour: 'after an hour',
  month: 'after 30 days',
  known: 'You have lent a model to this site before.',
  lend: 'Lend the model',
  refuse: 'No',
  noModel: 'There is no model in this browser yet. Open the app and download one first.',
  openApp: 'Open the app',
  lending: (site: string) => `Lending to ${site}`,
  keepOpen: 'Keep this window open. When you close it, the site can no longer use the model.',
  preparing: 'Preparing the model…',
  ready: 'Ready',
  replies: (count: number, figure: string) => plural(count, `${figure} reply so far`, `${figure} replies so far`),
  elsewhere: 'The app runs its model in another tab. Your own chat has priority. Close that tab, then try again.',
  stop: 'Stop lending',
  stopped: 'You no longer lend a model. You can close this window.',
  hostile: 'The app did not understand a message from the site, so it closed the connection.',
  refused: 'You refused. You can close this window.',
  alone: 'Other sites open this window to borrow your model. No site has asked now.',
} as const;

export type LendCatalogue = Translation<typeof lendEn>;
