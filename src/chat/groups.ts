import { ageOf } from '../ui/format.ts';
import type { Summary } from './conversation.ts';

/** Chats under one heading of the list. */
export interface Group {
  /** A folder has its own name; the others have one in every language. */
  heading: { folder: string } | 'pinned' | ReturnType<typeof ageOf>;
  summaries: Summary[];
}

/** A key for lists; no folder's is that of another heading. */
export const keyOf = ({ heading }: Group): string =>
  typeof heading === 'object' ? `folder ${heading.folder}` : heading;

/** The list under its headings: pinned chats, folders by name, then the others by age. It is in the order of `bySummaryOrder`. */
export function groupsOf(summaries: readonly Summary[], now = Date.now()): Group[] {
  const groups = new Map<string, Group>();
  for (const summary of summaries) {
    const { pinned, folder } = summary;
    const heading = pinned ? 'pinned' : folder === undefined ? ageOf(summary.updatedAt, now) : { folder };
    const group: Group = { heading, summaries: [] };
    const key = keyOf(group);
    if (!groups.has(key)) groups.set(key, group);
    groups.get(key)!.summaries.push(summary);
  }
  const rank = ({ heading }: Group) => (heading === 'pinned' ? 0 : typeof heading === 'object' ? 1 : 2);
  const name = ({ heading }: Group) => (typeof heading === 'object' ? heading.folder : '');
  return [...groups.values()].sort((a, b) => rank(a) - rank(b) || name(a).localeCompare(name(b)));
}

/** Names of all folders, each once. */
export const foldersOf = (summaries: readonly Summary[]): string[] =>
  [...new Set(summaries.map(({ folder }) => folder ?? ''))].filter(Boolean).sort((a, b) => a.localeCompare(b));
