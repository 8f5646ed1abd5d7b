import { mount } from 'svelte';
import App from './app/App.svelte';
import { AppState } from './app/app.svelte.ts';
import { Engine } from './engine/engine.ts';
import { i18n, preferredLanguage } from './i18n/i18n.svelte.ts';
import { watchLaunches } from './pwa/launch.ts';
import { watchKeyboard } from './ui/keyboard.ts';
import './ui/tokens.css';
import './ui/base.css';
import './chat/prose.css';

/** The real engine, or a scripted one (`?fake=first,slow`) in development and test builds; production builds do not contain it. */
async function makeEngine(): Promise<Engine> {
  const flags = import.meta.env.MODE === 'production' ? null : new URLSearchParams(location.search).get('fake');
  if (flags === null) return new Engine();
  await import('./testing/render-door.svelte.ts');
  const { fakeThread } = await import('./testing/fake-engine.ts');
  const { FAKE_MODEL, SECOND_FAKE } = await import('./testing/fake-models.ts');
  const { parseFakeScript } = await import('./testing/fake-script.ts');
  const script = parseFakeScript(flags);
  const disk = { models: script.first ? [] : script.two ? [FAKE_MODEL, SECOND_FAKE] : [FAKE_MODEL] };
  return new Engine(() => fakeThread(script, disk));
}

const app = new AppState(await makeEngine());
// The list of chats is read while the words are fetched and the page is put together.
void app.loadChats();
app.applyTheme();
watchKeyboard();
const { language } = app.settings.values;
await i18n.use(language === 'auto' ? preferredLanguage(navigator.languages) : language);
mount(App, { target: document.getElementById('app')!, props: { app } });
watchLaunches(app);
void app.start();
