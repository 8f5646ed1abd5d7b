/** The built app's engine in a browser, its model served from the disk by range. */
import type { Page } from 'playwright-core';
import { launch, type LaunchOptions } from '../../e2e/browser.ts';
import type { EvaluateAnswer } from '../../src/evaluate.ts';
import { PhiError } from '../../workers/errors.ts';
import type { EvaluateApi, EvaluateOptions, RemoteFile } from '../../workers/evaluate-protocol.ts';
import type { EngineReport } from '../../workers/protocol.ts';
import { DIST, ensureBuilt } from '../build.ts';
import { serve } from '../server.ts';
import type { ModelFile } from './model-files.ts';

/** Typed arrays arrive as arrays of numbers. */
type Plain<T> = T extends Float32Array | Int32Array ? number[] : T extends readonly unknown[] ? T : T extends object ? { [K in keyof T]: Plain<T[K]> } : T;
type Result<M extends keyof EvaluateApi> = Plain<Awaited<ReturnType<EvaluateApi[M]>>>;

export interface Engine {
  report: EngineReport;
  call<M extends keyof EvaluateApi>(method: M, ...args: Parameters<EvaluateApi[M]>): Promise<Result<M>>;
  close(): Promise<void>;
}

async function callPage<M extends keyof EvaluateApi>(page: Page, crashed: Promise<never>, method: M, args: Parameters<EvaluateApi[M]>): Promise<Result<M>> {
  const answer = await Promise.race([
    page.evaluate(([name, values]): Promise<EvaluateAnswer> => window.evaluate(name, values), [method, args] as const),
    crashed,
  ]);
  if ('error' in answer) throw PhiError.fromShape(answer.error);
  return answer.value as Result<M>;
}

/** Builds the app when needed, opens it and loads the model. The caller closes it. */
export async function openEngine(files: readonly ModelFile[], options: EvaluateOptions, browser: LaunchOptions, say?: (line: string) => void): Promise<Engine> {
  await ensureBuilt(say);
  const mounts = Object.fromEntries(files.map((file, i) => [`/model/${i}`, file.absolute]));
  const server = await serve({ root: DIST, mounts });
  try {
    const session = await launch(browser);
    try {
      const crashed = new Promise<never>((_resolve, reject) => {
        session.page.on('crash', () => reject(new PhiError('out-of-memory', 'The browser tab crashed; most often it ran out of memory.')));
        session.context.on('close', () => reject(new PhiError('internal', 'The browser closed.')));
      });
      crashed.catch(() => undefined); // heard by every call
      await session.page.goto(`${server.url}evaluate.html`);
      const remote: RemoteFile[] = files.map((file, i) => ({ path: file.path, url: `${server.url}model/${i}`, bytes: file.bytes }));
      const report = await callPage(session.page, crashed, 'open', [remote, options]);
      return {
        report: report,
        call: (method, ...args) => callPage(session.page, crashed, method, args),
        async close() {
          await session.close();
          await server.close();
        },
      };
    } catch (error) {
      await session.close();
      throw error;
    }
  } catch (error) {
    await server.close();
    throw error;
  }
}
