/** One way to start a browser, for tests, the evaluation command and the benchmarks. */
import { access } from 'node:fs/promises';
import { chromium, type BrowserContext, type Page } from 'playwright';
import { npmChromium, type Browser } from './chromium.ts';
import { startWitness } from './witness.ts';

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

/** Starts a browser with one page. Whatever it sends to another host than this machine is refused and recorded in `foreign`. */
export async function launch(options: LaunchOptions = {}): Promise<Session> {
  const browser = await chooseBrowser(options.executable);
  const witness = await startWitness();
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
  const settings = {
    viewport: options.viewport ?? { width: 1280, height: 800 },
    colorScheme: options.colorScheme ?? 'light',
    locale: options.locale ?? 'en-US',
  } as const;
  const start = {
    executablePath: browser.executable,
    env: { ...process.env, ...browser.env } as Record<string, string>,
    args,
    headless: true,
  };

  let context: BrowserContext;
  let closeBrowser: () => Promise<void>;
  try {
    if (options.profile !== undefined) {
      context = await chromium.launchPersistentContext(options.profile, { ...start, ...settings });
      closeBrowser = () => context.close();
    } else {
      const started = await chromium.launch(start);
      context = await started.newContext(settings);
      closeBrowser = () => started.close();
    }
  } catch (error) {
    await witness.close();
    throw error;
  }
  const page = context.pages()[0] ?? (await context.newPage());
  const errors: string[] = [];
  page.on('pageerror', (error) => errors.push(error.message));
  page.on('console', (message) => {
    if (message.type() === 'error') errors.push(message.text());
  });
  return {
    context,
    page,
    foreign: witness.hosts,
    errors,
    async close() {
      await closeBrowser();
      await witness.close();
    },
  };
}
