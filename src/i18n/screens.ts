/**
 * `t` with the words of Compare, Results and Diagnostics. Code that is fetched with these screens takes it from here; what the first paint
 * loads takes the one of i18n.svelte.ts, which knows no key of theirs.
 */
import type { Catalogue } from './en.ts';
import { addEnglish, t as translate, type Translate } from './i18n.svelte.ts';
import { screensEn } from './screens-en.ts';

export { i18n } from './i18n.svelte.ts';

addEnglish(screensEn);

/** The string `key` in the language of the page; see i18n.svelte.ts. */
export const t = translate as Translate<Catalogue>;
