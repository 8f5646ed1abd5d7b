/** Which model answers in a chat, and what a person agreed to before anything of it went to a server. */

/** A model behind a server: the base address of the server's API, and what the server calls the model. */
export interface ServerChoice {
  server: string;
  model: string;
  /** A key was entered for it. The key itself is never stored. */
  key?: boolean;
}

/** A model in this browser's store, by its id, or one behind a server. */
export type ModelChoice = { stored: string } | ServerChoice;

/**
 * Leave to send a chat to one server. Each kind of content has a consent of its own, the time at which it was given (ms since 1970), or null.
 * Nothing is sent to any other address.
 */
export interface ServerConsent {
  /** Origin of the server: "http://192.168.1.7:8080". */
  origin: string;
  /** Messages of the chat, earlier ones included, and its system prompt. */
  history: number;
  /** Passages of documents. */
  documents: number | null;
  /** Results of tools on this device. */
  tools: number | null;
}

export const isServer = (choice: ModelChoice): choice is ServerChoice => 'server' in choice;
