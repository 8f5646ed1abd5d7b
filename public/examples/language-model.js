// An example of docs/library.md. Put the package beside this file as the folder "phi-in-a-tab": npm run build:library makes it.
// ?model=ADDRESS takes another model than the app's starter, ?ours=1 the library also where the browser has a LanguageModel.
const query = new URLSearchParams(location.search);
const element = (selector) => document.querySelector(selector);
const say = (text) => (element('#status').textContent = text);

/** The browser's own, or the library's. */
async function findLanguageModel() {
  if (globalThis.LanguageModel && query.get('ours') !== '1') return { LanguageModel, name: 'the browser’s own model' };
  const library = await import('./phi-in-a-tab/index.js').catch(() => null);
  if (library === null) {
    say(
      'This browser has no LanguageModel. Put the library beside this page as the folder “phi-in-a-tab”, then reload.',
    );
    return null;
  }
  const manifest = query.get('model') ?? '../models/smollm2-135m-instruct-q4_1/manifest.json';
  const ours = library.installLanguageModel(library.createEngine(), { manifest }, { always: true });
  return { LanguageModel: ours, name: 'the library’s model' };
}

const found = await findLanguageModel();
let session = null;
let running = null;

async function makeSession() {
  const bar = element('#progress');
  bar.hidden = false;
  try {
    return await found.LanguageModel.create({
      initialPrompts: [{ role: 'system', content: 'You are a helpful assistant. Answer briefly.' }],
      monitor: (monitor) => monitor.addEventListener('downloadprogress', ({ loaded }) => (bar.value = loaded)),
    });
  } finally {
    bar.hidden = true;
  }
}

async function ask(prompt) {
  running = new AbortController();
  element('#stop').disabled = false;
  element('#reply').textContent = '';
  say('Getting the model ready …');
  try {
    session ??= await makeSession();
    say(`Answered by ${found.name}.`);
    const reader = session.promptStreaming(prompt, { signal: running.signal }).getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      element('#reply').textContent += value;
    }
    element('#usage').textContent = `${session.contextUsage} of ${session.contextWindow} tokens of context`;
  } catch (error) {
    say(error.name === 'AbortError' ? 'Stopped.' : `${error.name}: ${error.message}`);
  } finally {
    element('#stop').disabled = true;
    running = null;
  }
}

if (found) {
  say(`Ready: ${await found.LanguageModel.availability()}, ${found.name}.`);
  element('form').addEventListener('submit', (event) => {
    event.preventDefault();
    if (!running) void ask(element('#prompt').value);
  });
  element('#stop').addEventListener('click', () => running?.abort());
}
