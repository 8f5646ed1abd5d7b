import { relative } from 'node:path';
import { BaseSequencer, type TestSpecification } from 'vitest/node';
import { ROOT } from '../../scripts/build/app.ts';

/** Files that take longest. In a fresh clone Vitest knows no times, and one of these would run alone at the end. */
const LONGEST: readonly string[] = [
  ...[
    'webgpu',
    'recovery',
    'pwa',
    'compare',
    'webnn',
    'steps',
    'structured',
    'starter',
    'golden',
    'drafts',
    'storage',
  ].map((name) => `e2e/${name}.test.ts`),
  ...['chat', 'screens', 'text', 'compare', 'model-menu', 'frozen-template'].map((name) => `e2e/ui/${name}.test.ts`),
  'workers/engine/tokenizer/jinja-bounds.test.ts',
  'workers/store/schedules.test.ts',
];

const groupOf = ({ project }: TestSpecification): number => project.config.sequence.groupOrder;

function rank({ moduleId }: TestSpecification): number {
  const at = LONGEST.indexOf(relative(ROOT, moduleId).replaceAll('\\', '/'));
  return at < 0 ? LONGEST.length : at;
}

/** Two that compute and one that waits, in turn. */
function mix(computing: readonly TestSpecification[], waiting: readonly TestSpecification[]): TestSpecification[] {
  const mixed: TestSpecification[] = [];
  for (let at = 0; at < Math.max(computing.length / 2, waiting.length); at++)
    mixed.push(...computing.slice(2 * at, 2 * at + 2), ...waiting.slice(at, at + 1));
  return mixed;
}

/** Vitest's order, but the longest begin first, and files whose tests mostly wait run beside those that compute. */
export class MixedOrder extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = (await super.sort(files)).sort((a, b) => rank(a) - rank(b));
    const waits = ({ project }: TestSpecification): boolean => project.name === 'ui';
    return [...new Set(sorted.map(groupOf))]
      .sort((a, b) => a - b)
      .flatMap((group) => {
        const members = sorted.filter((file) => groupOf(file) === group);
        return mix(
          members.filter((file) => !waits(file)),
          members.filter(waits),
        );
      });
  }
}
