/** A message as a chat template gets it. */

/** `own`: written by the app, so that control tokens in it count. */
export interface TurnPiece {
  text: string;
  own: boolean;
}

export interface Turn {
  role: string;
  content: string;
  /** `content` in pieces, where some of it is the app's own. */
  pieces?: readonly TurnPiece[];
  /** Of a system message: the list of tools, as JSON text. */
  tools?: string;
  tool_calls?: readonly unknown[];
  /** Of a result: the tool that gave it. */
  name?: string;
}

/** What is rendered. `tools`: the template's variable of that name. */
export interface Prompt {
  turns: readonly Turn[];
  tools?: readonly unknown[];
}
