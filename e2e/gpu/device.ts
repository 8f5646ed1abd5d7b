/** The device of a test run: found once by `npm run test:gpu`, which hands it on in PHI_GPU_DEVICE; else looked for, without fetching anything. */
import { whyNoKit } from './kit.ts';
import { findDevice, type VulkanDevice } from './vulkan.ts';

/** Why there is no device, in words. */
export async function testDevice(): Promise<VulkanDevice | string> {
  const handed = process.env.PHI_GPU_DEVICE;
  if (handed !== undefined) return JSON.parse(handed) as VulkanDevice;
  return whyNoKit() ?? (await findDevice(null));
}

/** "NVIDIA H200, with shader-f16, subgroups of 32 and bindings of 2,147 MB". */
export function describeDevice({ adapter }: VulkanDevice): string {
  const { name, features, subgroupSizes, bindingBytes } = adapter;
  const subgroups = [...new Set(subgroupSizes)].join(' to ');
  const words = features.map((feature) => (feature === 'subgroups' ? `subgroups of ${subgroups}` : feature));
  return `${name}, with ${words.join(', ')} and bindings of ${Math.round(bindingBytes / 1e6).toLocaleString('en')} MB`;
}

/** The same for what cannot do without. */
export async function needDevice(): Promise<VulkanDevice> {
  return asDevice(await testDevice());
}

/** Throws if there is no device. */
export function asDevice(found: VulkanDevice | string): VulkanDevice {
  if (typeof found === 'string') throw new Error(`There is no GPU to run on: ${found}.`);
  return found;
}
