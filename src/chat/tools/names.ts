/** Names of tools for people. A tool of another version goes by the name that the model knows. */
import { t } from '../../i18n/i18n.svelte.ts';

type Named = 'calculator' | 'date_time' | 'convert_units' | 'search_documents';
const NAMED: readonly string[] = ['calculator', 'date_time', 'convert_units', 'search_documents'] satisfies Named[];
const isNamed = (name: string): name is Named => NAMED.includes(name);

export const titleOf = (name: string): string => (isNamed(name) ? t(`tool:${name}`) : name);
export const hintOf = (name: string): string => (isNamed(name) ? t(`toolHint:${name}`) : '');
