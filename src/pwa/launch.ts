/** Takes what other programs pass on: shared text, files opened with the app, shortcuts. Names of parameters: public/manifest.webmanifest. */
import { PhiError } from '../../workers/shared/errors.ts';
import type { AppState } from '../app/app.svelte.ts';
import { chatHref } from '../app/router.svelte.ts';
import { errorLine } from '../i18n/errors.ts';

/** Part of the Launch Handler API (Chromium), which TypeScript does not know. */
interface LaunchParams {
  targetURL?: string;
  files: readonly FileSystemFileHandle[];
}
declare global {
  interface Window {
    launchQueue?: { setConsumer(consumer: (params: LaunchParams) => void): void };
  }
}

const SHARED = ['title', 'text', 'url'] as const;

/** The text that was shared, or null. Apps put the same address into several fields: each part comes once. */
export function sharedText(url: URL): string | null {
  const parts = SHARED.map((name) => url.searchParams.get(name)?.trim() ?? '').filter((part) => part !== '');
  const says = (other: string, place: number, part: string, at: number) =>
    place !== at && other.includes(part) && (other !== part || place < at);
  const fresh = parts.filter((part, at) => !parts.some((other, place) => says(other, place, part, at)));
  return fresh.length === 0 ? null : fresh.join('\n');
}

async function receive(app: AppState, address: string): Promise<void> {
  const url = new URL(address);
  const text = sharedText(url);
  if (text === null) return app.router.go(url.hash || chatHref(null));
  // Goes into the box, behind the text that is there. The person reads it before sending it.
  const draft = await app.conversations.readDraft(null);
  app.offered = draft === '' ? text : `${draft}\n\n${text}`;
  history.replaceState(null, '', location.pathname); // A reload must not bring it again.
  app.router.go(chatHref(null));
}

/** Takes up what the page was opened with, and what comes later. */
export function watchLaunches(app: AppState): void {
  let opened: string | null = location.href;
  if (sharedText(new URL(opened)) !== null) void receive(app, opened);
  window.launchQueue?.setConsumer(({ targetURL, files }) => {
    if (files.length > 0) {
      app.router.go('#/models');
      const read = Promise.all(files.map(async (handle) => ({ path: handle.name, file: await handle.getFile() })));
      read.then(
        (all) => app.models.importFiles(all),
        (cause: unknown) => app.toasts.show(errorLine(PhiError.from(cause)), { tone: 'error' }),
      );
    } else if (targetURL && targetURL !== opened) void receive(app, targetURL);
    opened = null; // The first launch is the one that opened the page.
  });
}
