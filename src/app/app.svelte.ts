import { createContext } from 'svelte';
import { Chat } from '../chat/chat.svelte.ts';
import { Conversations } from '../chat/conversations.svelte.ts';
import { ConversationDatabase } from '../chat/database.ts';
import { ReplyLocks } from '../chat/reply-locks.ts';
import type { Engine } from '../engine/engine.ts';
import { i18n, preferredLanguage } from '../i18n/i18n.svelte.ts';
import { Pwa } from '../pwa/pwa.svelte.ts';
import { FasterWeights } from '../models/faster-weights.svelte.ts';
import { ModelSession } from '../models/model-session.svelte.ts';
import type { DocumentHead } from '../../workers/shared/library-types.ts';
import type { SettingsValues } from '../settings/settings.svelte.ts';
import { Settings } from '../settings/settings.svelte.ts';
import { Toasts } from '../ui/toasts.svelte.ts';
import { chatHref, Router } from './router.svelte.ts';

/** Everything that lives as long as the page, made once and handed to the components by context. */
export class AppState {
  readonly settings = new Settings();
  readonly router = new Router();
  readonly toasts = new Toasts();
  readonly #locks = new ReplyLocks();
  readonly conversations = new Conversations(new ConversationDatabase(), undefined, this.#locks);
  readonly pwa = new Pwa();
  /** A text from another program, for the box of a new chat. The code that puts it there sets null. */
  offered = $state.raw<string | null>(null);
  /** Documents for the box of a new chat; whoever puts them there sets null. */
  offeredDocuments = $state.raw<readonly DocumentHead[] | null>(null);
  readonly engine: Engine;
  readonly models: ModelSession;
  readonly faster: FasterWeights;
  readonly chat: Chat;

  constructor(engine: Engine) {
    this.engine = engine;
    this.models = new ModelSession(engine, this.settings);
    this.faster = new FasterWeights(engine);
    this.chat = new Chat(engine, this.models, this.settings, this.conversations, this.#locks);
    this.conversations.onGone = (id) => {
      const { route } = this.router;
      if (route.screen === 'chat' && route.conversation === id) this.router.go(chatHref(null), { replace: true });
    };
    this.conversations.onRemoved = () => void this.#dropOrphans();
    this.conversations.onFull = () => this.engine.keepCachesOf([]).catch(() => undefined);
  }

  /** A new chat with these documents in its box. */
  askAbout(documents: readonly DocumentHead[]): void {
    this.offeredDocuments = documents;
    this.router.go(chatHref(null));
  }

  /** True if the app starts without the network and the chosen model is in the store. */
  get readyOffline(): boolean {
    return this.pwa.offlineReady && (this.models.storage?.models.some(({ id }) => id === this.models.chosen) ?? false);
  }

  async start(): Promise<void> {
    this.settings.onChangedElsewhere = () => {
      this.applyTheme();
      void this.#useLanguage();
    };
    // Another tab may have downloaded the first model meanwhile.
    document.addEventListener('visibilitychange', () => {
      if (document.visibilityState === 'visible' && this.models.phase.kind === 'absent') void this.models.start();
    });
    void this.pwa.start();
    document.addEventListener('visibilitychange', () => void this.#lookAgain());
    await this.models.start();
  }

  /** The installed app opens where it was left; a tab opens at what its address says. */
  async loadChats(): Promise<void> {
    await this.conversations.loadList();
    if (this.conversations.problem === null) void this.#dropOrphans();
    const { route } = this.router;
    const [newest] = [...this.conversations.summaries].sort((a, b) => b.updatedAt - a.updatedAt);
    // A text that another program shared goes into a new chat.
    const isPlain = location.hash === '' && !/[?&](title|text|url)=/.test(location.search);
    const isEmpty = isPlain && route.screen === 'chat' && route.conversation === null;
    if (newest && isEmpty && matchMedia('(display-mode: standalone)').matches)
      this.router.go(chatHref(newest.id), { replace: true });
  }

  /** Drops kept caches of chats that are gone. If the database fails, the next start tries again. */
  async #dropOrphans(): Promise<void> {
    await this.engine.keepCachesOf(this.conversations.summaries.map(({ id }) => id)).catch(() => undefined);
  }

  /** The browser may have dropped models or caches while the page was hidden. */
  async #lookAgain(): Promise<void> {
    if (document.visibilityState !== 'visible' || this.models.report === null) return;
    // A database that fails is reported where it is needed: at the next load, and on the models screen.
    await Promise.all([this.models.refresh().catch(() => null), this.pwa.keepOffline()]);
  }

  applyTheme(): void {
    const { theme } = this.settings.values;
    if (theme === 'system') delete document.documentElement.dataset['theme'];
    else document.documentElement.dataset['theme'] = theme;
    // The bars of the browser, too.
    for (const meta of document.querySelectorAll<HTMLMetaElement>('meta[name="theme-color"]')) {
      const mine = meta.dataset['theme'];
      meta.media = theme === 'system' ? `(prefers-color-scheme: ${mine})` : mine === theme ? 'all' : 'not all';
    }
  }

  setTheme(theme: SettingsValues['theme']): void {
    this.settings.change({ theme });
    this.applyTheme();
  }

  resetSettings(): void {
    this.settings.reset();
    this.applyTheme();
    void this.setLanguage('auto');
  }

  async setLanguage(language: SettingsValues['language']): Promise<void> {
    this.settings.change({ language });
    await this.#useLanguage();
  }

  #useLanguage(): Promise<void> {
    const { language } = this.settings.values;
    return i18n.use(language === 'auto' ? preferredLanguage(navigator.languages) : language);
  }
}

export const [useApp, provideApp] = createContext<AppState>();
