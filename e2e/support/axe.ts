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

/** Violations in light and then in dark, where only the contrast can differ. Colours that change are waited for. */
export async function accessibilityViolations(page: Page, axe: string): Promise<string[]> {
  await page.emulateMedia({ colorScheme: 'light' });
  const light = await violationsOf(page, axe);
  await page.emulateMedia({ colorScheme: 'dark' });
  await page.evaluate(() =>
    Promise.allSettled(
      document
        .getAnimations()
        .filter((animation) => animation instanceof CSSTransition)
        .map(({ finished }) => finished),
    ),
  );
  const dark = await violationsOf(page, axe, ['color-contrast']);
  await page.emulateMedia({ colorScheme: null });
  return [...light, ...dark.map((violation) => `in dark: ${violation}`)];
}
