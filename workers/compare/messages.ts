import type { ChatMessage } from '../shared/protocol.ts';

/** What is sent to the model, in this tab or behind a server. With a system message of our own, templates do not add their long ones. */
export const messagesOf = (content: string): ChatMessage[] => [
  { role: 'system', content: 'You tell stories.' },
  { role: 'user', content },
];
