/** `npm run bench:profile -- --backend webgpu --device dawn`: where the time of a token goes on a GPU outside of a browser (see e2e/gpu). */
import { join } from 'node:path';
import { describeDevice, needDevice } from '../../e2e/gpu/device.ts';
import { startGpuProcess } from '../../e2e/gpu/gpu-process.ts';
import { ROOT } from '../../scripts/build/app.ts';
import { serve } from '../../scripts/build/server.ts';
import type { ProfileApi } from '../page/profile.worker.ts';
import type { ProfilePlace } from '../profile-place.ts';
import { machineName } from '../site.ts';
import type { Starter } from '../starter.ts';

/** Throws where no device is set up. */
export async function profileOnDawn(starter: Starter): Promise<ProfilePlace> {
  const device = await needDevice();
  const server = await serve({ root: join(ROOT, 'public'), mounts: { '/starter.gguf': starter.gguf } });
  return {
    machine: machineName(),
    agent: `Dawn on ${describeDevice(device)}`,
    async profile(request) {
      const gpu = startGpuProcess<ProfileApi>(device.launch, join(ROOT, 'bench/dawn/profile.worker.ts'));
      try {
        // ONNX Runtime's threads do not start in Node; on a GPU they have nothing to do.
        const wanted = { ...request, threads: 1, modelUrl: `${server.url}${request.modelUrl}` };
        return await gpu.worker.profile(wanted);
      } finally {
        gpu.end();
      }
    },
    close: () => server.close(),
  };
}
