/** Which model answers in a chat, and what a person agreed to before anything of it went to a server. */

/** A model in this browser's store, by its id; or a model behind a server, by the server's base address and its own name for the model. */
export type ModelChoice = { stored: string } | { server: string; model: string };

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
  /** What tools found out on this device. */
  tools: number | null;
}

export const isServer = (choice: ModelChoice): choice is { server: string; model: string } => 'server' in choice;

export const sameChoice = (a: ModelChoice, b: ModelChoice): boolean =>
  isServer(a) ? isServer(b) && a.server === b.server && a.model === b.model : !isServer(b) && a.stored === b.stored;
