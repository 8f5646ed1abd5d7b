/** `navigator.storage`, missing in insecure contexts and in part in workers (`persist` is for windows only). */
type Persistence = Partial<StorageManager> & { persist?: () => Promise<boolean> };

const storage = (): Persistence => globalThis.navigator?.storage ?? {};

/**
 * Asks the browser not to evict this origin, as far as that can be asked here: the page does it with its own `navigator.storage`.
 * A refusal is no error; the storage report says so.
 */
export async function askPersist(): Promise<boolean> {
  return (await isPersisted()) || ((await storage().persist?.()) ?? false);
}

export async function isPersisted(): Promise<boolean> {
  return (await storage().persisted?.()) ?? false;
}

/**
 * A hint only: Chromium's quota is usage plus a fixed amount, blind to a full disk. Only a refused write shows the real
 * limit.
 */
export async function estimateRoom(): Promise<{ usage: number | null; quota: number | null }> {
  const { usage = null, quota = null } = (await storage().estimate?.()) ?? {};
  return { usage, quota };
}

export async function freeRoom(): Promise<number | null> {
  const { usage, quota } = await estimateRoom();
  return usage === null || quota === null ? null : Math.max(quota - usage, 0);
}
