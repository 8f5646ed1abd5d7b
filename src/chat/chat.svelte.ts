import { PhiError } from '../../workers/shared/errors.ts';
import { newId } from '../../workers/shared/new-id.ts';
import { parseServerAddress } from '../../workers/shared/server-address.ts';
import type { ContextFit, GenerateRequest, Notice } from '../../workers/shared/protocol.ts';
import type { Engine } from '../engine/engine.ts';
import type { ToolUpdate } from '../tools/rounds.ts';
import type { ModelSession } from '../models/model-session.svelte.ts';
import { holdBusy } from '../pwa/busy.ts';
import type { SamplingValues, Settings } from '../settings/settings.svelte.ts';
import type { Conversation, Message, MessageDocument, ReplyInfo } from './conversation.ts';
import {
  addMessage,
  branchFrom,
  changeMessage,
  droppedFromSent,
  droppedOf,
  newConversation,
  pathTo,
  sentOf,
  showBranch,
  siblingsOf,
  toChatMessages,
  userMessage,
} from './conversation.ts';
import type { Change, Conversations } from './conversations.svelte.ts';
import type { Sent } from './database.ts';
import { ChatModels } from './chat-models.svelte.ts';
import { groundPath } from './chat-documents.ts';
import { ChatForm } from './form/chat-form.svelte.ts';
import { isServer, type ModelChoice } from './model-choice.ts';
import { ReplyLocks } from './reply-locks.ts';
import { ChatTools } from './tools/chat-tools.svelte.ts';
import { find } from './tree.ts';
import { LiveReply, type Outcome } from './live-reply.svelte.ts';

/** Time between two writes of a reply in progress, so that a reload loses little. */
const CHECKPOINT_MS = 1_000;

/** The actions on a conversation. One reply at a time. */
export class Chat {
  readonly #engine: Engine;
  readonly #models: ModelSession;
  readonly #settings: Settings;
  readonly #conversations: Conversations;
  readonly #locks: ReplyLocks;
  /** Which model answers. */
  readonly model: ChatModels;
  /** Which form its replies must have. */
  readonly form: ChatForm;
  /** Which tools they may call. */
  readonly tools: ChatTools;
  #live = $state.raw<LiveReply | null>(null);

  constructor(
    engine: Engine,
    models: ModelSession,
    settings: Settings,
    conversations: Conversations,
    locks = new ReplyLocks(),
  ) {
    this.#locks = locks;
    this.#engine = engine;
    this.#models = models;
    this.#settings = settings;
    this.#conversations = conversations;
    this.model = new ChatModels(models, conversations);
    this.form = new ChatForm(conversations);
    this.tools = new ChatTools(conversations);
  }

  /** The reply that is being written, in whatever conversation. */
  get live(): LiveReply | null {
    return this.#live;
  }

  /**
   * How much of the context the conversation takes, including a message that is not sent yet. Rejects if no model is
   * loaded.
   */
  async measure(path: readonly Message[], draft: string): Promise<ContextFit> {
    const { current } = this.#conversations;
    const request = this.#request(current ?? { system: this.#settings.values.system }, path);
    if (draft.trim()) request.messages.push({ role: 'user', content: draft });
    return this.#engine.fit({ ...request, tools: await this.tools.specs() });
  }

  /** The open chat is shown: what the model has kept of it is restored before its next message. */
  async restoreCache(): Promise<void> {
    const { current } = this.#conversations;
    if (!current || this.#live || this.#conversations.isTemporary(current.id)) return;
    const choice = this.model.of(current);
    if (isServer(choice) || this.#models.report?.model !== choice.stored) return;
    const tools = await this.tools.specs();
    if (this.#live || this.#conversations.current?.id !== current.id) return;
    await this.#engine.restoreCache({
      ...this.#request(current, pathTo(current, current.tip)),
      tools,
      keep: current.id,
    });
  }

  #request(conversation: Pick<Conversation, 'system' | 'sampling'>, path: readonly Message[]) {
    const droppedBefore = sentOf(path, droppedOf(path));
    const { maxTokens } = { ...this.#settings.values, ...conversation.sampling };
    return { messages: toChatMessages(conversation, path), maxTokens, droppedBefore };
  }

  /**
   * Sends a message in the open conversation, or in a new one, whose id is given at once through `onBegin`. The message is shown and stored, in the
   * place of its draft, before anything else: whatever the model or its absence has to say comes as the reply.
   */
  async send(content: string, onBegin: (id: string) => void, documents?: readonly MessageDocument[]): Promise<void> {
    if (this.#live) return;
    const fresh = !this.#conversations.current;
    const conversation = this.#conversations.current ?? {
      ...newConversation(this.#settings.values.system),
      ...this.model.takeFresh(),
      ...this.form.takeFresh(),
      ...this.tools.takeFresh(),
    };
    const message = userMessage(conversation.tip, content, documents);
    if (fresh) onBegin(conversation.id);
    await this.#reply(
      conversation,
      (current) => addMessage(current, message),
      message.id,
      this.#settings.sampling(conversation.sampling).seed,
      { fresh, sent: { draftOf: fresh ? null : conversation.id } },
    );
  }

  /** Another reply to the same message, with another seed. */
  async regenerate(id: string): Promise<void> {
    const conversation = this.#conversations.current;
    const parent = conversation && find(conversation.messages, id)?.parent;
    if (!conversation || !parent || this.#live) return;
    const { seed } = { ...this.#settings.values, ...conversation.sampling };
    // A fixed seed grows by one with each version, so that the third reply to a message is as repeatable as the first.
    const nextSeed =
      seed === null ? this.#settings.sampling().seed : (seed + siblingsOf(conversation, id).length) % 2 ** 32;
    await this.#reply(conversation, (current) => ({ ...current, tip: parent }), parent, nextSeed);
  }

  /** A new version of a message of the person, and a reply to it; the old version stays beside it. */
  async edit(id: string, content: string): Promise<void> {
    const conversation = this.#conversations.current;
    const message = conversation && find(conversation.messages, id);
    if (!conversation || !message || this.#live) return;
    const edited = userMessage(message.parent, content, message.documents);
    await this.#reply(
      conversation,
      (current) => addMessage(current, edited),
      edited.id,
      this.#settings.sampling(conversation.sampling).seed,
    );
  }

  /** Continues a reply that was cut off. */
  async continueReply(id: string): Promise<void> {
    const conversation = this.#conversations.current;
    const message = conversation && find(conversation.messages, id);
    if (!conversation || !message?.reply || this.#live) return;
    await this.#stream(conversation, message);
  }

  /** Shows another version of a message. */
  async show(id: string): Promise<void> {
    const conversation = this.#conversations.current;
    if (conversation) await this.#conversations.update(conversation.id, (current) => showBranch(current, id));
  }

  /** Copies the path to a message into a conversation of its own. */
  async branch(id: string): Promise<string | null> {
    const conversation = this.#conversations.current;
    if (!conversation) return null;
    const branch = branchFrom(conversation, id);
    await this.#conversations.begin(branch);
    return branch.id;
  }

  async setSystem(system: string): Promise<void> {
    const conversation = this.#conversations.current;
    if (conversation) await this.#conversations.update(conversation.id, (current) => ({ ...current, system }));
  }

  /** Gives the open chat sampling of its own; null: that of the settings again. */
  async setSampling(values: Partial<SamplingValues> | null): Promise<void> {
    const conversation = this.#conversations.current;
    if (!conversation) return;
    const change: Change = (current) => ({
      ...current,
      sampling: values === null ? undefined : { ...current.sampling, ...values },
    });
    await this.#conversations.update(conversation.id, change);
  }

  /** A version of a reply in the person's own words, beside the model's; the chat goes on from it. */
  async editReply(id: string, content: string): Promise<void> {
    const conversation = this.#conversations.current;
    const message = conversation && find(conversation.messages, id);
    if (!conversation || !message?.reply || this.#live) return;
    const { model, server, seed, dropped, rounds } = message.reply;
    const edited: Message = {
      id: newId(),
      parent: message.parent,
      role: 'assistant',
      content,
      createdAt: Date.now(),
      reply: { state: 'done', reason: 'end', seed, model, server, dropped, rounds, edited: true },
    };
    await this.#conversations.update(conversation.id, (current) => addMessage(current, edited));
  }

  /** Another chat is about to be shown. A reply in a chat that is never stored has no reader any more. */
  leave(next: string | null): void {
    this.model.leave();
    const live = this.#live;
    if (live && live.conversation !== next && this.#conversations.temporary) live.stop();
  }

  stop(): void {
    this.#live?.stop();
  }

  /** `prepare` brings in what the reply answers. It is a change, not a state: another tab may have changed the conversation meanwhile. */
  async #reply(
    conversation: Conversation,
    prepare: Change,
    parent: string,
    seed: number,
    { fresh = false, sent }: { fresh?: boolean; sent?: Sent } = {},
  ): Promise<void> {
    const model = this.model.of(conversation);
    const reply: ReplyInfo = { state: 'streaming', seed, ...this.#writer(model) };
    const message: Message = { id: newId(), parent, role: 'assistant', content: '', createdAt: Date.now(), reply };
    const change: Change = (current) => ({ ...addMessage(prepare(current), message), model });
    const withReply = change(conversation);
    // Nothing below waits for the disk: a reply must neither start late nor hang because a database does.
    const stored = fresh
      ? this.#conversations.begin(withReply, sent)
      : this.#conversations.update(withReply.id, change, sent);
    await Promise.all([stored, this.#stream(withReply, message)]);
  }

  async #stream(conversation: Conversation, message: Message): Promise<void> {
    const release = this.#locks.hold(message.id);
    const choice = this.model.of(conversation);
    const writer = this.#writer(choice);
    const live = new LiveReply(conversation.id, message.id, message.content, {
      thoughtMs: message.reply?.thoughtMs,
      rounds: message.reply?.rounds,
      server: writer.server,
    });
    this.#live = live;
    const idle = holdBusy(); // Until the end of the reply is on the disk.
    const save = (change: Partial<ReplyInfo>) =>
      this.#conversations.update(conversation.id, (current) =>
        changeMessage(current, message.id, (old) => ({
          ...old,
          content: live.text,
          reply: {
            ...old.reply!,
            ...(live.thoughtMs === null ? {} : { thoughtMs: live.thoughtMs }),
            ...(live.rounds.length > 0 && { rounds: live.rounds }),
            ...change,
          },
        })),
      );
    const begun = save({
      ...writer,
      json: conversation.form !== undefined ? true : undefined,
      state: 'streaming',
      error: undefined,
      reason: undefined,
      stats: undefined,
    });
    let outcome: Outcome;
    try {
      outcome = await this.#run(live, conversation, message, save);
    } catch (cause) {
      outcome = { error: PhiError.from(cause) };
    }
    live.end();
    const { reason, stats } = outcome;
    const cancelled = reason === 'cancelled' || outcome.error?.code === 'cancelled';
    const error = cancelled ? undefined : outcome.error?.toShape();
    const unfinished = cancelled || error !== undefined || reason === 'max-tokens' || reason === 'context-full';
    const ended = save({
      // A message that was sent while the page opened had no name for its model yet.
      model: this.model.nameOf(choice),
      state: unfinished ? 'partial' : 'done',
      reason: cancelled ? 'cancelled' : reason,
      stats,
      error,
    });
    this.#live = null;
    // Until the end is on the disk, other tabs see the reply as being written.
    void ended.finally(release);
    await Promise.all([begun, ended]).finally(idle);
  }

  /** The reply of the open chat's model, in this tab or on a server. */
  async *#answer(
    conversation: Conversation,
    request: GenerateRequest,
    signal: AbortSignal,
  ): AsyncGenerator<ToolUpdate> {
    const choice = this.model.of(conversation);
    if (isServer(choice)) {
      // It gets no tools: their results would need a consent of their own.
      for await (const event of this.model.ask(conversation, choice, request, signal))
        if (event.type !== 'calls') yield event;
      return;
    }
    await this.#models.ready(signal, choice.stored);
    const keep = this.#conversations.isTemporary(conversation.id) ? undefined : conversation.id;
    const generate = (one: GenerateRequest) => this.#engine.generate({ ...one, keep }, signal);
    for await (const event of this.tools.answer(generate, request, conversation, signal)) {
      if (event.type === 'text') this.#models.hasAnswered();
      yield event;
    }
  }

  /** The facts about its model that a reply keeps. */
  #writer(choice: ModelChoice): Pick<ReplyInfo, 'model' | 'server'> {
    return {
      model: this.model.nameOf(choice),
      server: isServer(choice) ? parseServerAddress(choice.server).origin : undefined,
    };
  }

  /** The path with what the model is given of its documents. What was chosen once stays, also for another reply to the same message. */
  async #grounded(live: LiveReply, conversation: Conversation, path: Message[]): Promise<Message[]> {
    const choice = this.model.of(conversation);
    this.model.assertDocuments(conversation, choice, path);
    const at = path.findLastIndex(({ role }) => role === 'user');
    if (!path[at]?.documents?.some(({ given }) => !given)) return path;
    if (!isServer(choice)) await this.#models.ready(live.controller.signal, choice.stored);
    live.phase = { kind: 'searching' };
    const { engine, contextLength } = isServer(choice)
      ? { engine: null, contextLength: null }
      : { engine: this.#engine, contextLength: this.#models.report?.contextLength ?? null };
    const documents = await groundPath(path.slice(droppedOf(path), at + 1), engine, contextLength);
    const { id } = path[at];
    // Nothing waits for the disk.
    void this.#conversations.update(conversation.id, (current) =>
      changeMessage(current, id, (asked) => ({ ...asked, documents })),
    );
    live.phase = { kind: 'waiting' };
    return path.with(at, { ...path[at], documents });
  }

  async #run(
    live: LiveReply,
    conversation: Conversation,
    message: Message,
    save: (change: Partial<ReplyInfo>) => Promise<void>,
  ): Promise<Outcome> {
    const path = await this.#grounded(live, conversation, pathTo(conversation, message.id));
    const sampling = { ...this.#settings.sampling(conversation.sampling), seed: message.reply!.seed };
    const constraint = this.form.constraintOf(conversation);
    const request = {
      ...this.#request(conversation, path),
      sampling,
      continueLast: message.content !== '',
      ...(constraint && { constraint }),
    };
    const notices: Notice[] = [];
    let lastSave = performance.now();
    let saving = false;
    const checkpoint = async (change: Partial<ReplyInfo>) => {
      saving = true;
      lastSave = performance.now();
      await save(change);
      saving = false;
    };
    for await (const event of this.#answer(conversation, request, live.controller.signal)) {
      if (event.type === 'context') void save({ dropped: droppedFromSent(path, event.fit.dropped) });
      if (event.type === 'prefill') live.phase = { kind: 'prefill', done: event.done, total: event.total };
      if (event.type === 'notice') {
        notices.push(event.notice);
        void checkpoint({ notices });
      }
      if (event.type === 'text') {
        live.phase = { kind: 'streaming' };
        live.append(event.text, event.tokens);
        if (!saving && performance.now() - lastSave > CHECKPOINT_MS) void checkpoint({});
      }
      if (event.type === 'calling') live.phase = { kind: 'calling', calls: event.calls };
      if (event.type === 'round') {
        live.addRound(event.round);
        void checkpoint({});
      }
      if (event.type === 'end') return { reason: event.reason, stats: event.stats };
    }
    throw new PhiError('internal', 'The reply ended without its closing event.');
  }
}
