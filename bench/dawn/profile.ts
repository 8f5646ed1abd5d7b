/** `npm run bench:profile -- --backend webgpu --device dawn`: where the time of a token goes on a GPU outside of a browser (see e2e/gpu). */
import { join } from 'node:path';
import { describeDevice, needDevice } from '../../e2e/gpu/device.ts';
import { startGpuProcess } from '../../e2e/gpu/gpu-process.ts';
import { ROOT } from '../../scripts/build/app.ts';
import { serve } from '../../scripts/build/server.ts';
import { dtypeOf, type GraphName } from '../onnx/make.ts';
import type { ProfilePlace } from '../profile-place.ts';
import { machineName } from '../site.ts';
import type { Starter } from '../starter.ts';
import type { PeerProfileApi } from './peer-profile.worker.ts';

/** `graph`: of transformers.js, which is profiled instead of this engine. Throws where no device is set up. */
export async function profileOnDawn(starter: Starter, graph: GraphName | null): Promise<ProfilePlace> {
  const device = await needDevice();
  const mounts = { '/starter.gguf': starter.gguf, '/starter-onnx': starter.onnx };
  const server = await serve({ root: join(ROOT, 'public'), mounts });
  return {
    machine: machineName(),
    agent: `Dawn on ${describeDevice(device)}`,
    async profile(request) {
      const worker = graph ? 'bench/dawn/peer-profile.worker.ts' : 'bench/dawn/profile.worker.ts';
      const gpu = startGpuProcess<PeerProfileApi>(device.launch, join(ROOT, worker));
      try {
        const wanted = { ...request, modelUrl: graph ? server.url : `${server.url}${request.modelUrl}` };
        return await gpu.worker.profile({
          ...wanted,
          modelFile: graph ?? '',
          dtype: graph ? dtypeOf(graph) : 'q4',
        });
      } finally {
        gpu.end();
      }
    },
    close: () => server.close(),
  };
}
