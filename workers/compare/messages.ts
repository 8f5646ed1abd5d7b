import type { ChatMessage } from '../shared/protocol.ts';

/** The messages for the model, in this tab or behind a server. Our own system message keeps templates from adding their long ones. */
export const messagesOf = (content: string): ChatMessage[] => [
  { role: 'system', content: 'You tell stories.' },
  { role: 'user', content },
];
