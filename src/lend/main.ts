/** Entry of lend.html: the window in which a person lends their model to another site. */
import { mount } from 'svelte';
import { i18n, preferredLanguage } from '../i18n/i18n.svelte.ts';
import { lendEn } from '../i18n/lend-en.ts';
import { Settings } from '../settings/settings.svelte.ts';
import Lend from './Lend.svelte';
import { Lending } from './lending.svelte.ts';
import '../ui/tokens.css';
import '../ui/base.css';

const { language: wanted } = new Settings().values;
const language = wanted === 'auto' ? preferredLanguage(navigator.languages) : wanted;
await i18n.use(language);
const words = language === 'ja' ? (await import('../i18n/lend-ja.ts')).lendJa : lendEn;
document.title = words.title;
const lending = new Lending();
mount(Lend, { target: document.getElementById('app')!, props: { lending, language, words } });
lending.start(window.opener as Window | null);
