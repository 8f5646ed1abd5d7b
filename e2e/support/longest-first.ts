import { basename } from 'node:path';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Browser tests that take longest. In a fresh clone Vitest knows no times, and one of these would run alone at the end. */
const LONGEST = ['webgpu', 'webnn', 'starter', 'recovery', 'pwa', 'compare', 'golden', 'chat', 'drafts', 'library'];

const rank = ({ moduleId }: TestSpecification): number => {
  const at = moduleId.includes('/e2e/') ? LONGEST.indexOf(basename(moduleId, '.test.ts')) : -1;
  return at < 0 ? LONGEST.length : at;
};

/** Vitest's order, but the longest browser tests begin first. */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    return (await super.sort(files)).sort((a, b) => groupOf(a) - groupOf(b) || rank(a) - rank(b));
  }
}

const groupOf = ({ project }: TestSpecification): number => project.config.sequence.groupOrder;
