/** Names of tools for people. A tool of another version goes by the name that the model knows. */
import { t } from '../../i18n/i18n.svelte.ts';

const NAMED = ['calculator', 'date_time', 'convert_units', 'search_documents'] as const;
type Named = (typeof NAMED)[number];
const isNamed = (name: string): name is Named => NAMED.some((named) => named === name);

export const titleOf = (name: string): string => (isNamed(name) ? t(`tool:${name}`) : name);
export const hintOf = (name: string): string => (isNamed(name) ? t(`toolHint:${name}`) : '');
