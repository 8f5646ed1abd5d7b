import { ageOf } from '../ui/format.ts';
import type { Summary } from './conversation.ts';

/** Chats under one heading of the list. */
export interface Group {
  heading: 'pinned' | ReturnType<typeof ageOf>;
  summaries: Summary[];
}

/** The list under its headings; it is in their order. */
export function groupsOf(summaries: readonly Summary[], now = Date.now()): Group[] {
  const groups: Group[] = [];
  for (const summary of summaries) {
    const heading = summary.pinned ? 'pinned' : ageOf(summary.updatedAt, now);
    const last = groups.at(-1);
    if (last?.heading === heading) last.summaries.push(summary);
    else groups.push({ heading, summaries: [summary] });
  }
  return groups;
}
