/** A host without a model: it counts words, and answers with what it was asked. */
import type { ChatMessage } from '../../../workers/shared/protocol.ts';
import type { HostReply, HostRequest, LanguageModelHost } from '../language-model/host.ts';
import type { Availability } from '../language-model/types.ts';

const words = (messages: readonly ChatMessage[]): number =>
  messages.reduce((sum, { content }) => sum + 1 + content.split(/\s+/).filter(Boolean).length, 0);

export class FakeHost implements LanguageModelHost {
  takesTools = true;
  state: Availability = 'downloadable';
  called: HostReply['called'];
  contextLength = 4096;
  readonly requests: HostRequest[] = [];
  /** Fails the next call of `ready` or `reply`. */
  failure: unknown = null;
  /** Replies wait for it between their pieces. */
  gate: Promise<void> = Promise.resolve();
  answer: (request: HostRequest) => string[] = ({ messages }) => ['You said: ', messages.at(-1)!.content];

  availability(): Promise<Availability> {
    return Promise.resolve(this.state);
  }

  async ready(onDownload: (fraction: number) => void): Promise<{ contextLength: number }> {
    await Promise.resolve();
    if (this.failure) throw this.failure as Error;
    for (const fraction of [0, 0.25, 0.25, 0.5]) onDownload(fraction);
    this.state = 'available';
    return { contextLength: this.contextLength };
  }

  measure(messages: ChatMessage[]): Promise<number> {
    return Promise.resolve(words(messages));
  }

  async *reply(request: HostRequest, signal: AbortSignal): AsyncGenerator<string, HostReply, void> {
    this.requests.push(request);
    if (this.failure) throw this.failure as Error;
    const pieces = this.answer(request);
    for (const piece of pieces) {
      await this.gate;
      if (signal.aborted) break;
      yield piece;
    }
    const reply: ChatMessage = { role: 'assistant', content: pieces.join('') };
    return { contextTokens: words([...request.messages, reply]), ...(this.called && { called: this.called }) };
  }
}
