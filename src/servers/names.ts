import { PRESETS, type ServerKind } from '../compare/servers.ts';
import { t } from '../i18n/i18n.svelte.ts';

export const nameOfKind = (kind: ServerKind): string => (kind === 'other' ? t('serverOther') : PRESETS[kind].name);
