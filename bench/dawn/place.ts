/** `npm run bench -- --backend webgpu --device dawn`: each engine in a process of its own, with WebGPU from Dawn (see e2e/gpu). */
import { join } from 'node:path';
import { describeDevice, needDevice } from '../../e2e/gpu/device.ts';
import { startGpuProcess } from '../../e2e/gpu/gpu-process.ts';
import { ROOT } from '../../scripts/build/app.ts';
import { serve } from '../../scripts/build/server.ts';
import type { Answer, Method, PeerHandle } from '../peer-page.ts';
import { machineName, type BenchPlace } from '../site.ts';
import { dtypeOf, type GraphName } from '../onnx/make.ts';
import type { Starter } from '../starter.ts';
import type { DawnBench } from './peer.worker.ts';

/** `graph`: what transformers.js is given. Throws where no device is set up. */
export async function openDawn(starter: Starter, graph: GraphName | null): Promise<BenchPlace> {
  const device = await needDevice();
  const server = await serve({
    root: join(ROOT, 'public'),
    mounts: { '/starter.gguf': starter.gguf, '/starter-onnx': starter.onnx },
  });
  return {
    machine: machineName(),
    agent: `Dawn on ${describeDevice(device)}`,
    restart: () => Promise.resolve(), // every engine has a fresh process
    async open(name, options): Promise<PeerHandle> {
      const gpu = startGpuProcess<DawnBench>(device.launch, join(ROOT, 'bench/dawn/peer.worker.ts'));
      const api = gpu.worker as unknown as Record<string, (...args: unknown[]) => Promise<unknown>>;
      const given = name === 'transformers.js' && graph ? { modelFile: graph, dtype: dtypeOf(graph) } : {};
      await api['open']!(name, server.url, { ...options, settings: { ...given, ...options.settings } });
      return {
        call: <M extends Method>(method: M, ...args: unknown[]) => api[method]!(...args) as Promise<Answer<M>>,
        close: () => Promise.resolve(gpu.end()),
      };
    },
    close: () => server.close(),
  };
}
