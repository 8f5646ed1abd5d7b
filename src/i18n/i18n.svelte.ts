import type { ErrorHelp } from './error-help.ts';
import type { Catalogue } from './en.ts';
import { en } from './en.ts';
import type { screensEn } from './screens-en.ts';

export const LANGUAGES = { en: 'English', ja: '日本語' } as const;
export type Language = keyof typeof LANGUAGES;

interface Words {
  catalogue: Catalogue;
  /** null: the messages of errors are in this language. */
  errorHelp: ErrorHelp | null;
}

/** Larger screens add theirs when they are fetched, before they show anything. */
const english = { ...en } as Catalogue;
export const addEnglish = (words: typeof screensEn): Catalogue => Object.assign(english, words);

/** English is always there; other languages are fetched when they are chosen. */
const LOADERS: Record<Language, () => Promise<Words>> = {
  en: () => Promise.resolve({ catalogue: english, errorHelp: null }),
  ja: async () => {
    const [{ ja }, { errorsJa }] = await Promise.all([import('./ja.ts'), import('./errors-ja.ts')]);
    return { catalogue: ja, errorHelp: errorsJa };
  },
};

class I18n {
  #language = $state<Language>('en');
  #words = $state.raw<Words>({ catalogue: english, errorHelp: null });

  get language(): Language {
    return this.#language;
  }

  get catalogue(): Catalogue {
    return this.#words.catalogue;
  }

  get errorHelp(): ErrorHelp | null {
    return this.#words.errorHelp;
  }

  /** Switches every string on the page. */
  async use(language: Language): Promise<void> {
    this.#words = await LOADERS[language]();
    this.#language = language;
    document.documentElement.lang = language;
  }
}

export const i18n = new I18n();

type Arguments<Entry> = Entry extends (...args: infer A) => string ? A : [];

/** `t` for the words of a catalogue. */
export type Translate<Words> = <K extends keyof Words>(key: K, ...args: Arguments<Words[K]>) => string;

/** The string `key` in the language of the page; reactive where runes are. Strings with figures take them as arguments. */
export const t: Translate<typeof en> = (key, ...args) => {
  const entry: string | ((...args: unknown[]) => string) = i18n.catalogue[key];
  return typeof entry === 'string' ? entry : entry(...args);
};

/** The first of the browser's languages that we speak. */
export function preferredLanguage(wanted: readonly string[]): Language {
  for (const tag of wanted) {
    const language = tag.split('-')[0]!.toLowerCase();
    if (language in LANGUAGES) return language as Language;
  }
  return 'en';
}
