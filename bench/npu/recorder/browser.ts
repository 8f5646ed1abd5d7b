/** Records in a browser what it is handed for a graph of the engine. */
import { join } from 'node:path';
import { launch, type Session } from '../../../scripts/cli/browser/launch.ts';
import { ROOT } from '../../../scripts/build/app.ts';
import { serve, type RunningServer } from '../../../scripts/build/server.ts';
import { buildToolPage } from '../../../scripts/build/tool-page.ts';
import { webnnGraph, type WebnnShape } from '../../../workers/engine/webnn/graph.ts';
import { fedTensors, graphGroups } from '../../../workers/engine/webnn/weights.ts';
import { ISOLATION_HEADERS } from '../../../workers/shared/headers.ts';
import { writeGraph, type LabWeights } from '../graphs.ts';
import { cacheFolder } from '../packages.ts';
import type { Recording, RecordRequest } from './recording.ts';

/** A browser with the recorder's page, for several graphs. */
export class RecordingBrowser {
  readonly #session: Session;
  readonly #root: string;

  private constructor(session: Session, root: string) {
    this.#session = session;
    this.#root = root;
  }

  static async open(): Promise<RecordingBrowser> {
    const root = join(cacheFolder(), 'recorder');
    await buildToolPage(join(ROOT, 'bench/npu/recorder'), 'recorder.html', root);
    return new RecordingBrowser(await launch({ gpu: true }), root);
  }

  /** `shape`: one whose matrices are fed, so that the calls hold little data. */
  async record(weights: LabWeights, shape: WebnnShape): Promise<Recording> {
    if (shape.weights !== 'inputs') throw new RangeError('Only graphs whose matrices are fed can be recorded.');
    const path = await writeGraph(weights, shape);
    const server = await this.#serve(weights.folder);
    const page = await this.#session.context.newPage();
    try {
      await page.goto(`${server.url}recorder.html`);
      await page.waitForFunction(() => 'recordGraph' in window);
      return await page.evaluate((request) => window.recordGraph(request), requestFor(weights, shape, path));
    } finally {
      await page.close();
      await server.close();
    }
  }

  close(): Promise<void> {
    return this.#session.close();
  }

  #serve(folder: string): Promise<RunningServer> {
    return serve({
      root: this.#root,
      mounts: { '/graph': folder },
      securityHeaders: false,
      intercept: (_request, response) => {
        for (const [name, value] of Object.entries(ISOLATION_HEADERS)) response.setHeader(name, value);
        return false;
      },
    });
  }
}

function requestFor({ model, plan }: LabWeights, shape: WebnnShape, path: string): RecordRequest {
  const { inputs } = webnnGraph(model.checkpoint.config, plan, shape);
  const fed = new Set(fedTensors(plan, shape).map(({ tensor }) => tensor.name));
  const files = graphGroups(plan, shape).filter(({ tensors }) => tensors.some(({ name }) => !fed.has(name)));
  return {
    model: path.split(/[\\/]/).at(-1)!,
    inputs,
    outputs: ['new_key', 'new_value', ...(shape.head ? ['logits', 'summary'] : [])],
    files: files.map(({ location }) => location),
  };
}
