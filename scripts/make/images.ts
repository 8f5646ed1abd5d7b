/** Makes the icons (from public/icon.svg) and the screenshots that the web app manifest names: `npx tsx scripts/make/images.ts`. */
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { launch } from '../cli/browser/launch.ts';
import { buildFakeApp, newVisitor, openFake, serveFakeApp } from '../../e2e/support/fake-app.ts';
import { ROOT } from '../build/app.ts';

const PUBLIC = join(ROOT, 'public');
const ICONS = [
  { file: 'icon-192.png', size: 192, bleeds: false },
  { file: 'icon-512.png', size: 512, bleeds: false },
  // Systems cut these to their own shape: no corners of ours, and the sign lies in the middle four fifths as it is.
  { file: 'maskable-192.png', size: 192, bleeds: true },
  { file: 'maskable-512.png', size: 512, bleeds: true },
  { file: 'apple-touch-icon.png', size: 180, bleeds: true },
];
const SCREENSHOTS = [
  { file: 'wide.png', viewport: { width: 1280, height: 800 }, deviceScaleFactor: 1 },
  { file: 'narrow.png', viewport: { width: 390, height: 844 }, deviceScaleFactor: 2 },
];

const session = await launch({ gpu: false });
const folder = await buildFakeApp();
const server = await serveFakeApp(folder);
try {
  await mkdir(join(PUBLIC, 'icons'), { recursive: true });
  await mkdir(join(PUBLIC, 'screenshots'), { recursive: true });
  const svg = await readFile(join(PUBLIC, 'icon.svg'), 'utf8');
  for (const { file, size, bleeds } of ICONS) {
    await session.page.setViewportSize({ width: size, height: size });
    const drawing = bleeds ? svg.replace(/ rx="\d+"/, '') : svg;
    await session.page.setContent(
      `<style>body { margin: 0 } svg { display: block; width: ${size}px; height: ${size}px }</style>${drawing}`,
    );
    await writeFile(join(PUBLIC, 'icons', file), await session.page.screenshot({ omitBackground: true }));
  }
  for (const { file, ...options } of SCREENSHOTS) {
    const page = await newVisitor(session, options);
    await openFake(page, server, 'plain');
    await page
      .getByRole('textbox', { name: 'Message', exact: true })
      .fill('Explain in three sentences why the sky is blue.');
    await page.keyboard.press('Enter');
    await page.getByRole('button', { name: 'Regenerate' }).waitFor();
    await writeFile(join(PUBLIC, 'screenshots', file), await page.screenshot());
    await page.context().close();
  }
} finally {
  await session.close();
  await server.close();
  await rm(folder, { recursive: true, force: true });
}
