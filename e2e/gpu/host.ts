/** The engine on a GPU outside of a browser, for the same checks as in one (see scripts/evaluate/engine.ts). */
import { join } from 'node:path';
import type { Remote } from 'comlink';
import { ROOT } from '../../scripts/build/app.ts';
import type { Engine } from '../../scripts/cli/evaluate/engine.ts';
import type { ModelFile } from '../../scripts/cli/evaluate/model-files.ts';
import { serve } from '../../scripts/build/server.ts';
import { installErrorTransfer } from '../../workers/shared/comlink-errors.ts';
import type { EvaluateApi, EvaluateOptions } from '../../workers/shared/evaluate-protocol.ts';
import { startGpuProcess } from './gpu-process.ts';
import type { Witness } from './process/witness.ts';
import type { VulkanDevice } from './vulkan.ts';

/** The one place that knows by which module the engine is driven. */
const EVALUATION = join(ROOT, 'workers/evaluate.worker.ts');

export interface GpuEngine extends Engine {
  witness: Remote<Witness>;
}

export interface GpuHost {
  /** Loads a model in a fresh process; the one before is gone. `bindingBytes`: a smaller limit than the device's. */
  open(files: readonly ModelFile[], options: EvaluateOptions, bindingBytes?: number): Promise<GpuEngine>;
  close(): Promise<void>;
}

type Call = (...args: unknown[]) => Promise<never>;

export async function startGpuHost({ launch }: VulkanDevice): Promise<GpuHost> {
  installErrorTransfer();
  const mounts: Record<string, string> = {};
  const server = await serve({ root: join(ROOT, 'public'), mounts });
  let end = (): void => undefined;
  let models = 0;
  return {
    async open(files, options, bindingBytes) {
      end();
      models++;
      files.forEach((file, i) => (mounts[`/model/${models}-${i}`] = file.absolute));
      const remote = files.map(({ path, bytes }, i) => ({ path, bytes, url: `${server.url}model/${models}-${i}` }));
      const gpu = startGpuProcess<EvaluateApi>(launch, EVALUATION);
      end = () => gpu.end();
      await gpu.witness.watch(bindingBytes ?? null);
      const report = await gpu.worker.open(remote, options);
      const api = gpu.worker as unknown as Record<string, Call>;
      return { report, witness: gpu.witness, call: async (method, ...args) => plain(await api[method]!(...args)) };
    },
    async close() {
      end();
      await server.close();
    },
  };
}

/** Typed arrays as arrays of numbers, as they arrive from a browser. */
function plain(value: unknown): never {
  if (value instanceof Float32Array || value instanceof Int32Array) return [...value] as never;
  if (Array.isArray(value) || typeof value !== 'object' || value === null) return value as never;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, plain(inner) as unknown])) as never;
}
