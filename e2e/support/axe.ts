import type { Page } from 'playwright';

interface Violation {
  id: string;
  nodes: { html: string; failureSummary?: string }[];
}

/** Violations that axe finds on the page as it is. `axe`: its source. */
export async function accessibilityViolations(page: Page, axe: string): Promise<string[]> {
  await page.evaluate(axe);
  const violations = await page.evaluate(async () => {
    const runner = (window as unknown as { axe: { run: (root: Document) => Promise<{ violations: Violation[] }> } })
      .axe;
    return (await runner.run(document)).violations;
  });
  return violations.flatMap(({ id, nodes }) =>
    nodes.map(({ html, failureSummary }) => `${id}: ${html} ${failureSummary ?? ''}`),
  );
}
