/** Finding a Vulkan device that Dawn takes: the machine's GPU, else its own lavapipe, else the kit's. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fetchMesa, MESA, NODE, SHADER_CACHE, type Say } from './kit.ts';
import { startGpuProcess, type Launch } from './gpu-process.ts';
import type { AdapterFacts } from './process/witness.ts';

export interface VulkanDevice {
  launch: Launch;
  adapter: AdapterFacts;
}

const LIBRARIES = join(MESA, 'usr/lib/x86_64-linux-gnu');
const LAVAPIPE = join(MESA, 'usr/share/vulkan/icd.d/lvp_icd.json');
/** Place of NVIDIA's driver in containers whose Vulkan loader does not look there. */
const NVIDIA = '/usr/local/nvidia/share/vulkan/icd.d/nvidia_icd.json';
const SYSTEM_LIBRARIES = ['/usr/local/nvidia/lib64', '/usr/lib/x86_64-linux-gnu', '/lib64', '/usr/lib64'];

const ALWAYS: Record<string, string> = {
  MESA_SHADER_CACHE_DIR: SHADER_CACHE,
  ...(existsSync(NVIDIA) && { VK_ADD_DRIVER_FILES: NVIDIA }),
};
/** The machine's own Vulkan loader and drivers. */
const SYSTEM: Launch = { command: NODE, args: [], env: ALWAYS };
/** The kit's loader and C library before the machine's own drivers: for a machine with a GPU and no loader. */
const withKit = (libraries: readonly string[], env: Record<string, string>): Launch => ({
  command: join(LIBRARIES, 'ld-linux-x86-64.so.2'),
  args: ['--library-path', libraries.join(':'), NODE],
  env,
});

/**
 * The device to test on, or why there is none. `say`: missing parts may be fetched, and what is done is told. PHI_GPU=software passes a real GPU
 * over.
 */
export async function findDevice(say: Say | null): Promise<VulkanDevice | string> {
  const software = process.env.PHI_GPU === 'software';
  const system = await probe(SYSTEM);
  if (system && (!system.adapter.software || usable(system)) && !(software && !system.adapter.software)) return system;
  if (!existsSync(MESA)) {
    if (!say)
      return `no Vulkan driver on this machine is fit for it, and ${MESA} is missing; "npm run test:gpu" fetches it`;
    await fetchMesa(say);
  }
  const mixed = software ? null : await probe(withKit([LIBRARIES, ...SYSTEM_LIBRARIES], ALWAYS));
  if (mixed && !mixed.adapter.software) return mixed;
  return (
    (await probe(withKit([LIBRARIES], { ...ALWAYS, VK_DRIVER_FILES: LAVAPIPE }))) ??
    `Dawn finds no Vulkan device, not even in ${MESA}`
  );
}

/** A software adapter that is worth testing on has float16. */
const usable = ({ adapter }: VulkanDevice): boolean => adapter.features.includes('shader-f16');

async function probe(launch: Launch): Promise<VulkanDevice | null> {
  const gpu = startGpuProcess(launch, null);
  try {
    const adapter = await gpu.witness.adapter();
    return adapter && { launch, adapter };
  } catch {
    return null; // a driver or a C library that does not fit ends the process: the next is tried
  } finally {
    gpu.end();
  }
}
