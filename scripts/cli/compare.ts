/** `npm run compare`: the compare page in a headless browser, its result as JSON. See USAGE below. */
import { writeFile, readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { parseArgs } from 'node:util';
import type { Page } from 'playwright';
import { launch } from './browser/launch.ts';
import { toMarkdown } from '../../src/compare/exports.ts';
import { KINDS, ROW_IDS } from '../../src/compare/plan.ts';
import { parseResult, type CompareResult } from '../../src/compare/result.ts';
import { TINY_NAME } from '../../src/compare/tiny.ts';
import { machineFile } from '../../src/results/machine-file.ts';
import { DIST, ensureBuilt } from '../build/app.ts';
import { selectModel } from './evaluate/model-files.ts';
import { serve } from '../build/server.ts';

const USAGE = `npm run compare -- --json OUT.json
Runs the compare page in a headless browser and writes its result (docs/compare-schema.md).
  --json OUT.json     writes the result to this file; without it, only a table is printed
  --machine NAME      that file is one for the collection in results/: the result under this machine's name
  --model PATH        a model from the disk (a file or a folder); "tiny": the one that ships; default: the starter
  --backends A,B      ${ROW_IDS.join(', ')}; default: all
  --every-form        every weight format of each backend
  --full              the thorough measurement; default: the quick one
  --prompts 32,512    prompt lengths in tokens    --tokens 32   length of a reply
  --rounds 3          rounds that count           --loads 1     loads
  --pp 512 --tg 128 --depths 0,1024               llama-bench's tests
  --tasks             also kinds of task, with the lengths of MLPerf Client's
  --in-order          rows in their order; default: random     --pause 5   seconds of cooling between rows
  --no-stand-in       a software WebGPU adapter runs the model itself, which takes hours for all but tiny ones
  --profile DIR       keeps the browser's profile there: a run that broke off goes on where it was, with its own settings
  --server URL --server-model NAME   a server on this machine that speaks the OpenAI chat API
  --browser PATH      another browser, which can use this machine's GPU; default: the one from npm
  --browser-arg X     a flag for the browser; may be repeated
  --timeout MINUTES   stops after this time; default: 60
Exit status: 0 if every row was measured or has a reason for its absence, 2 if the comparison could not run.`;

const MINUTE_MS = 60_000;
/** `--model tiny`. */
const TINY = 'tiny';
/** What a profile keeps belongs to an origin, so a profile is always used with this port. */
const PROFILE_PORT = 41_327;

function readOptions(args: string[]) {
  const { values } = parseArgs({
    args,
    options: {
      json: { type: 'string' },
      machine: { type: 'string' },
      model: { type: 'string' },
      backends: { type: 'string' },
      'every-form': { type: 'boolean', default: false },
      full: { type: 'boolean', default: false },
      prompts: { type: 'string' },
      tokens: { type: 'string' },
      rounds: { type: 'string' },
      loads: { type: 'string' },
      pp: { type: 'string' },
      tg: { type: 'string' },
      depths: { type: 'string' },
      pause: { type: 'string' },
      tasks: { type: 'boolean', default: false },
      'in-order': { type: 'boolean', default: false },
      'no-stand-in': { type: 'boolean', default: false },
      profile: { type: 'string' },
      server: { type: 'string' },
      'server-model': { type: 'string' },
      browser: { type: 'string' },
      'browser-arg': { type: 'string', multiple: true, default: [] },
      timeout: { type: 'string', default: '60' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  const backends = (values.backends?.split(',') ?? ROW_IDS).map((name) => {
    const id = ROW_IDS.find((known) => known === name);
    if (id === undefined) throw new Error(`--backends ${name}: it must be one of ${ROW_IDS.join(', ')}.`);
    return id;
  });
  if ((values.server === undefined) !== (values['server-model'] === undefined))
    throw new Error('--server needs --server-model, and --server-model needs --server.');
  if (values.machine !== undefined && values.json === undefined)
    throw new Error('--machine needs --json, which names the file to write.');
  const minutes = Number(values.timeout);
  if (!(minutes > 0)) throw new Error(`--timeout ${values.timeout}: it must be a number of minutes above 0.`);
  return { ...values, backends, minutes };
}

type Options = ReturnType<typeof readOptions>;

const runButton = (page: Page) => page.getByRole('button', { name: /^Run/ });

/** The model in the store: the starter by its button, anything else as a person adds it. The tiny one lies beside the starter and is not stored. */
async function storeModel(page: Page, url: string, model: string | undefined): Promise<void> {
  if (model === undefined || model === TINY) {
    await page.goto(url);
    const download = page.getByRole('button', { name: 'Download the starter model' });
    await download.or(runButton(page)).first().waitFor();
    if (await download.isVisible()) await download.click();
  } else {
    const files = await selectModel(model);
    await page.goto(url.replace('#/compare', '#/models'));
    await page.locator('input[type=file]:not([webkitdirectory])').setInputFiles(files.map(({ absolute }) => absolute));
    const failed = page.getByRole('alert').or(page.getByRole('article').locator('.wrong'));
    const found = page.getByRole('button', { name: 'Copy into the browser' });
    const loaded = page.getByText('Loaded', { exact: true });
    for (const next of [found, loaded]) {
      await failed.or(next).first().waitFor();
      if (await failed.first().isVisible())
        throw new Error(`${basename(model)}: ${(await failed.first().innerText()).replace(/\s+/g, ' ')}`);
      if (next === found) await found.click();
    }
    await page.evaluate(() => (location.hash = '#/compare'));
  }
  await runButton(page).waitFor();
  if (model === TINY) await page.getByRole('combobox', { name: 'Model', exact: true }).selectOption(TINY_NAME);
}

const goOnButton = (page: Page) => page.getByRole('button', { name: 'Go on', exact: true });

/** True if the profile has a run that broke off, with its model. */
async function hasBroken(page: Page, url: string): Promise<boolean> {
  await page.goto(url);
  await page.getByRole('button', { name: 'Download the starter model' }).or(runButton(page)).first().waitFor();
  if (!(await runButton(page).isVisible())) return false; // no model is stored
  await runButton(page).click({ trial: true }); // it is enabled when the page has looked for an earlier run
  return goOnButton(page).isVisible();
}

async function setUp(page: Page, options: Options): Promise<void> {
  for (const { id, label } of KINDS) {
    const wanted = options.backends.includes(id);
    await page.getByRole('checkbox', { name: label, exact: true }).setChecked(wanted);
  }
  await page.getByRole('checkbox', { name: 'Every weight format of each backend' }).setChecked(options['every-form']);
  await page.getByRole('checkbox', { name: 'In random order' }).setChecked(!options['in-order']);
  await page.getByRole('checkbox', { name: 'Also kinds of task' }).setChecked(options.tasks);
  const standIn = page.getByRole('checkbox', { name: 'Run WebGPU with Tiny Phi' });
  if (await standIn.isVisible()) await standIn.setChecked(!options['no-stand-in']);
  if (options.full) await page.getByText('Full', { exact: true }).click();
  if (options.server !== undefined) {
    await page.getByRole('button', { name: 'Add a server' }).click();
    await page.getByRole('combobox', { name: 'Server' }).selectOption('other');
    await page.getByRole('textbox', { name: 'Address' }).fill(options.server);
    await page.getByRole('textbox', { name: 'Model, as the server names it' }).fill(options['server-model']!);
  }
}

/** Begins a run, and forgets the result of an earlier one: what the page shows at the end is this run's. */
async function begin(page: Page, options: Options): Promise<void> {
  const remove = page.getByRole('button', { name: 'Remove the result of This machine' });
  if (await remove.isVisible()) await remove.click();
  await setUp(page, options);
  await runButton(page).click();
}

/** Waits for the end of the run that has begun. Rejects with the page's words when there is no result. */
async function finish(page: Page): Promise<CompareResult> {
  const failed = page.getByRole('alert');
  const running = page.getByRole('group', { name: /^Making the prompts$|\(\d+ of \d+\)$/ });
  await running.or(failed).first().waitFor(); // a run that the page refuses never begins
  const progress = setInterval(() => {
    running
      .getByRole('progressbar')
      .evaluate(
        (bar) => `${bar.getAttribute('aria-label')}: ${Math.round(100 * (bar as HTMLProgressElement).value)} %`,
        undefined,
        { timeout: 1_000 },
      )
      .then(console.error, () => undefined); // between two screens there is no bar
  }, 15_000);
  try {
    await runButton(page).waitFor(); // it is away during a run
  } finally {
    clearInterval(progress);
  }
  const words = (await failed.allInnerTexts()).join(' ').replace(/\s+/g, ' ');
  const whole =
    (await page.getByRole('button', { name: 'Run again' }).isVisible()) && !(await goOnButton(page).isVisible());
  if (!whole) throw new Error(words || 'The run ended without a result.');
  if (words) console.error(words); // a full storage is no reason to lose what was measured
  const [file] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('button', { name: 'JSON', exact: true }).click(),
  ]);
  return parseResult(await readFile(await file.path(), 'utf8'));
}

async function compare(options: Options): Promise<void> {
  await ensureBuilt();
  const server = await serve({ root: DIST, port: options.profile === undefined ? 0 : PROFILE_PORT });
  if (options.profile !== undefined && server.port !== PROFILE_PORT) {
    await server.close();
    throw new Error(`--profile needs port ${PROFILE_PORT}, which another program uses. Is another comparison running?`);
  }
  const session = await launch({
    gpu: true,
    realGpu: options.browser !== undefined,
    executable: options.browser,
    args: options['browser-arg'],
    profile: options.profile,
  });
  try {
    const { page } = session;
    page.setDefaultTimeout(options.minutes * MINUTE_MS);
    await page.addInitScript(() =>
      localStorage.setItem('phi-settings', JSON.stringify({ language: 'en', backend: 'wasm' })),
    );
    const asked = new URLSearchParams();
    for (const name of ['prompts', 'tokens', 'rounds', 'loads', 'pp', 'tg', 'depths', 'pause'] as const)
      if (options[name] !== undefined) asked.set(name, options[name]);
    const url = `${server.url}${asked.size > 0 ? `?${asked}` : ''}#/compare`;
    if (options.profile !== undefined && (await hasBroken(page, url))) {
      console.error('An earlier run broke off here. It goes on with its own model and settings.');
      await goOnButton(page).click();
    } else {
      await storeModel(page, url, options.model);
      await begin(page, options);
    }
    const result = await finish(page);
    console.log(toMarkdown(result));
    const written = options.machine === undefined ? result : machineFile(options.machine, '', result);
    if (options.json !== undefined) await writeFile(options.json, `${JSON.stringify(written, null, 2)}\n`);
  } finally {
    await session.close();
    await server.close();
  }
}

let options: Options | null = null;
try {
  options = readOptions(process.argv.slice(2));
  if (options.help) console.log(USAGE);
  else await compare(options);
} catch (error) {
  const message = error instanceof Error ? error.message : String(error);
  console.error(options ? message : `${message}\n\n${USAGE}`);
  process.exitCode = 2;
}
