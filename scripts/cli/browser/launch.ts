/** One way to start a browser, for tests, the evaluation command and the benchmarks. */
import { access } from 'node:fs/promises';
import { chromium, type BrowserContext, type Page } from 'playwright';
import { npmChromium, type Browser } from './chromium.ts';
import { startWitness, type Witness } from './witness.ts';

const WEBNN_FLAGS = ['WebMachineLearningNeuralNetwork'];
/** WebGPU without a GPU: SwiftShader, slow and without shader-f16. */
const SWIFTSHADER_FLAGS = [
  '--enable-unsafe-webgpu',
  '--use-webgpu-adapter=swiftshader',
  '--use-vulkan=swiftshader',
  '--enable-unsafe-swiftshader',
];

export interface LaunchOptions {
  /** WebGPU on SwiftShader and WebNN on; false: only WASM is left. */
  gpu?: boolean;
  /** The machine's own GPU in place of SwiftShader. */
  realGpu?: boolean;
  /** Folder of a persistent profile; absent: everything is forgotten at close. */
  profile?: string;
  /** Another browser than the npm one or that of PHI_BROWSER. */
  executable?: string;
  /** Further command-line flags. */
  args?: string[];
  viewport?: { width: number; height: number };
  colorScheme?: 'light' | 'dark';
  locale?: string;
}

export interface Session {
  context: BrowserContext;
  /** A page whose uncaught errors are collected. */
  page: Page;
  /** Hosts outside this machine that anything in the browser tried to reach: must stay empty. */
  foreign: string[];
  /** Uncaught errors of the page, and console errors. */
  errors: string[];
  close(): Promise<void>;
}

async function chooseBrowser(executable: string | undefined): Promise<Browser> {
  const path = executable ?? process.env.PHI_BROWSER;
  if (!path) return npmChromium();
  await access(path).catch(() => {
    throw new Error(`No browser at ${path} (${executable ? '--browser' : 'PHI_BROWSER'}).`);
  });
  return { executable: path, env: {} };
}

const settingsOf = (options: LaunchOptions) =>
  ({
    viewport: options.viewport ?? { width: 1280, height: 800 },
    colorScheme: options.colorScheme ?? 'light',
    locale: options.locale ?? 'en-US',
  }) as const;

/** Whatever the browser sends to another host than this machine goes to `witness`, which refuses it. */
async function startOptions(options: LaunchOptions, witness: Witness) {
  const browser = await chooseBrowser(options.executable);
  const gpu = options.gpu !== false;
  const features = gpu ? [...WEBNN_FLAGS, 'Vulkan'] : [];
  const args = [
    '--no-sandbox',
    `--proxy-server=127.0.0.1:${witness.port}`,
    ...(gpu && !options.realGpu ? SWIFTSHADER_FLAGS : []),
    ...(gpu && options.realGpu ? ['--enable-unsafe-webgpu'] : []),
    ...(features.length > 0 ? [`--enable-features=${features.join(',')}`] : []),
    ...(options.args ?? []),
  ];
  return {
    executablePath: browser.executable,
    env: { ...process.env, ...browser.env } as Record<string, string>,
    args,
    headless: true,
  };
}

async function sessionOf(context: BrowserContext, witness: Witness, close: () => Promise<void>): Promise<Session> {
  const page = context.pages()[0] ?? (await context.newPage());
  const errors: string[] = [];
  page.on('pageerror', (error) => errors.push(error.message));
  page.on('console', (message) => {
    if (message.type() === 'error') errors.push(message.text());
  });
  return { context, page, foreign: witness.hosts, errors, close };
}

/** A browser without a profile, for sessions one after another: each is a visitor who was never here. */
export interface SharedBrowser {
  /** Its `close` leaves the browser running. `foreign` is that of all sessions of the browser. */
  session(options?: Pick<LaunchOptions, 'viewport' | 'colorScheme' | 'locale'>): Promise<Session>;
  close(): Promise<void>;
}

export async function startShared(
  options: Omit<LaunchOptions, 'profile' | 'viewport' | 'colorScheme' | 'locale'> = {},
): Promise<SharedBrowser> {
  const witness = await startWitness();
  try {
    const browser = await chromium.launch(await startOptions(options, witness));
    return {
      async session(settings = {}) {
        const context = await browser.newContext(settingsOf(settings));
        return sessionOf(context, witness, () => context.close());
      },
      async close() {
        await browser.close();
        await witness.close();
      },
    };
  } catch (error) {
    await witness.close();
    throw error;
  }
}

/** Starts a browser with one page. Whatever it sends to another host than this machine is refused and recorded in `foreign`. */
export async function launch(options: LaunchOptions = {}): Promise<Session> {
  if (options.profile === undefined) {
    const browser = await startShared(options);
    const session = await browser.session(options);
    return { ...session, close: () => browser.close() };
  }
  const witness = await startWitness();
  try {
    const context = await chromium.launchPersistentContext(options.profile, {
      ...(await startOptions(options, witness)),
      ...settingsOf(options),
    });
    return await sessionOf(context, witness, async () => {
      await context.close();
      await witness.close();
    });
  } catch (error) {
    await witness.close();
    throw error;
  }
}
