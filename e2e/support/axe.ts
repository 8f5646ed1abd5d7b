import type { Page } from 'playwright';

interface Violation {
  id: string;
  nodes: { html: string; failureSummary?: string }[];
}

type Axe = { run: (root: Document, options: object) => Promise<{ violations: Violation[] }> };

/** Violations that axe finds on the page as it is. `axe`: its source. `rules`: only these. */
async function violationsOf(page: Page, axe: string, rules?: string[]): Promise<string[]> {
  await page.evaluate(axe);
  const violations = await page.evaluate(
    async (only) =>
      (await (window as unknown as { axe: Axe }).axe.run(document, only ? { runOnly: only } : {})).violations,
    rules,
  );
  return violations.flatMap(({ id, nodes }) =>
    nodes.map(({ html, failureSummary }) => `${id}: ${html} ${failureSummary ?? ''}`),
  );
}

/** Resolves when nothing changes its colour or opacity any more, but for what never ends. */
const settled = (page: Page) =>
  page.evaluate(() =>
    Promise.allSettled(
      document
        .getAnimations()
        .filter(({ effect }) => effect?.getComputedTiming().endTime !== Infinity)
        .map(({ finished }) => finished),
    ),
  );

/** Violations in light and then in dark, where only the contrast can differ. What fades in or changes its colour is waited for. */
export async function accessibilityViolations(page: Page, axe: string): Promise<string[]> {
  await page.emulateMedia({ colorScheme: 'light' });
  await settled(page);
  const light = await violationsOf(page, axe);
  await page.emulateMedia({ colorScheme: 'dark' });
  await settled(page);
  const dark = await violationsOf(page, axe, ['color-contrast']);
  await page.emulateMedia({ colorScheme: null });
  return [...light, ...dark.map((violation) => `in dark: ${violation}`)];
}
