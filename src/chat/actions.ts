import type { AppState } from '../app/app.svelte.ts';
import { chatHref } from '../app/router.svelte.ts';
import { t } from '../i18n/i18n.svelte.ts';

/** Copies the path to a message into a conversation of its own, and goes there. */
export function branchHere(app: AppState, message: string): void {
  void app.chat.branch(message).then((id) => {
    if (!id) return;
    app.router.go(chatHref(id));
    app.toasts.show(t('branched'));
  });
}
