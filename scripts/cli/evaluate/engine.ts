/** The engine in a browser, its model served from the disk by range. */
import type { Page } from 'playwright';
import { launch, type LaunchOptions, type Session } from '../browser/launch.ts';
import type { EvaluateAnswer } from './page/main.ts';
import { PhiError } from '../../../workers/shared/errors.ts';
import type { EvaluateApi, EvaluateOptions, RemoteFile } from '../../../workers/shared/evaluate-protocol.ts';
import type { EngineReport } from '../../../workers/shared/protocol.ts';
import { ensureEvaluatePage, EVALUATE_PAGE } from '../../build/app.ts';
import { serve } from '../../build/server.ts';
import type { ModelFile } from './model-files.ts';

/** Typed arrays arrive as arrays of numbers. */
type Plain<T> = T extends Float32Array | Int32Array
  ? number[]
  : T extends readonly unknown[]
    ? T
    : T extends object
      ? { [K in keyof T]: Plain<T[K]> }
      : T;
type Result<M extends keyof EvaluateApi> = Plain<Awaited<ReturnType<EvaluateApi[M]>>>;

/** One model in a worker of its own. */
export interface Engine {
  report: EngineReport;
  call<M extends keyof EvaluateApi>(method: M, ...args: Parameters<EvaluateApi[M]>): Promise<Result<M>>;
}

/** A browser and a server for any number of models, one after another. */
export interface EngineHost {
  session: Session;
  /** Loads a model in a fresh worker; the one before is gone. */
  open(files: readonly ModelFile[], options: EvaluateOptions): Promise<Engine>;
  close(): Promise<void>;
}

async function callPage<M extends keyof EvaluateApi>(
  page: Page,
  crashed: Promise<never>,
  method: M,
  args: Parameters<EvaluateApi[M]>,
): Promise<Result<M>> {
  const answer = await Promise.race([
    page.evaluate(([name, values]): Promise<EvaluateAnswer> => window.evaluate(name, values), [method, args] as const),
    crashed,
  ]);
  if ('error' in answer) throw PhiError.fromShape(answer.error);
  return answer.value as Result<M>;
}

/** Builds the page when needed and starts the browser. */
export async function startEngineHost(browser: LaunchOptions, say?: (line: string) => void): Promise<EngineHost> {
  await ensureEvaluatePage(say);
  const mounts: Record<string, string> = {};
  const server = await serve({ root: EVALUATE_PAGE, mounts });
  let session: Session;
  try {
    session = await launch(browser);
  } catch (error) {
    await server.close();
    throw error;
  }
  const { page } = session;
  const crashed = new Promise<never>((_resolve, reject) => {
    page.on('crash', () =>
      reject(new PhiError('out-of-memory', 'The browser tab crashed. The usual cause is too little memory.')),
    );
    session.context.on('close', () => reject(new PhiError('internal', 'The browser closed.')));
  });
  crashed.catch(() => undefined); // heard by every call
  let models = 0;

  return {
    session,
    async open(files, options) {
      models++;
      const remote: RemoteFile[] = files.map((file, i) => ({
        path: file.path,
        url: `${server.url}model/${models}-${i}`,
        bytes: file.bytes,
      }));
      files.forEach((file, i) => (mounts[`/model/${models}-${i}`] = file.absolute));
      await page.goto(`${server.url}evaluate.html`);
      const report = await callPage(page, crashed, 'open', [remote, options]);
      return { report, call: (method, ...args) => callPage(page, crashed, method, args) };
    },
    async close() {
      await session.close();
      await server.close();
    },
  };
}
