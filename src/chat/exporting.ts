import { PhiError } from '../../workers/shared/errors.ts';
import type { AppState } from '../app/app.svelte.ts';
import { errorLine } from '../i18n/errors.ts';
import { i18n, t } from '../i18n/i18n.svelte.ts';
import { mergePrompts } from '../prompts/prompts.ts';
import { formatNumber } from '../ui/format.ts';
import { saveFile } from '../ui/save-file.ts';
import { titleOf } from './tools/names.ts';
import { exportJson, exportMarkdown, fileNameOf, MAX_IMPORT_BYTES, readImport } from './transfer.ts';

export type ExportFormat = 'json' | 'markdown';

/** Saves conversations as one file: those with `ids`, or all. */
export async function exportChats(app: AppState, format: ExportFormat, ids?: readonly string[]): Promise<void> {
  const { conversations, damaged } = await app.conversations.readAll(ids);
  if (damaged > 0)
    app.toasts.show(t('exportDamaged', damaged, formatNumber(damaged, i18n.language)), { tone: 'error' });
  const prompts = format === 'json' && ids === undefined ? app.settings.values.prompts : [];
  if (conversations.length + prompts.length === 0) return;
  const words = {
    untitled: t('untitled'),
    you: t('you'),
    thoughts: t('thoughts'),
    system: t('systemPrompt'),
    tool: (name: string) => t('toolCall', titleOf(name)),
    asked: t('toolArguments'),
    result: t('toolResult'),
  };
  const text =
    format === 'json'
      ? exportJson(conversations, prompts)
      : conversations.map((one) => exportMarkdown(one, words)).join('\n---\n\n');
  const name =
    ids?.length === 1
      ? fileNameOf(conversations[0]!.title, t('untitled'))
      : `phi-chats-${new Date().toISOString().slice(0, 10)}`;
  saveFile(
    format === 'json' ? `${name}.json` : `${name}.md`,
    new Blob([text], { type: format === 'json' ? 'application/json' : 'text/markdown' }),
  );
}

/** Takes over the conversations of a file, or says why not. */
export async function importChats(app: AppState, file: File): Promise<void> {
  try {
    if (file.size > MAX_IMPORT_BYTES)
      throw new PhiError(
        'bad-request',
        `${file.name} has ${file.size} bytes, which is too large for an export of chats. Choose another file.`,
      );
    const { conversations, prompts } = await readImport(await file.text());
    const { added, known } = await app.conversations.add(conversations);
    const before = app.settings.values.prompts;
    const merged = mergePrompts(before, prompts);
    if (merged.length > before.length) app.settings.change({ prompts: merged });
    const figure = (count: number) => formatNumber(count, i18n.language);
    app.toasts.show(
      [
        t('imported', added, figure(added)),
        ...(known > 0 ? [t('importedKnown', known, figure(known))] : []),
        ...(merged.length > before.length ? [t('promptsImported')] : []),
      ].join(' '),
    );
  } catch (cause) {
    app.toasts.show(errorLine(PhiError.from(cause, 'storage'), t('importRefused')), { tone: 'error' });
  }
}
