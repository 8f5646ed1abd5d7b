import { beforeEach, describe, expect, it } from 'vitest';
import { addGrant, grantFor, GRANTS_KEY, readGrants, revokeGrant } from './grants.ts';

const SITE = 'https://guest.example';

class MemoryStorage implements Pick<Storage, 'getItem' | 'setItem'> {
  readonly items = new Map<string, string>();
  getItem = (key: string): string | null => this.items.get(key) ?? null;
  setItem = (key: string, value: string): void => void this.items.set(key, value);
}
let memory: MemoryStorage;
let storage: Storage;
beforeEach(() => {
  memory = new MemoryStorage();
  storage = memory as unknown as Storage;
});

describe('permissions to borrow', () => {
  it('hold for their term, one for each site', () => {
    addGrant(SITE, 'phi', 'hour', storage);
    addGrant('https://other.example', 'phi', 'month', storage);
    addGrant(SITE, 'phi-2', 'month', storage);
    expect(grantFor(SITE, storage)).toMatchObject({ model: 'phi-2' });
    expect(readGrants(storage)).toHaveLength(2);
    expect(readGrants(storage, Date.now() + 31 * 24 * 3_600_000)).toEqual([]);
  });

  it('are not kept where the person agreed once', () => {
    addGrant(SITE, 'phi', 'once', storage);
    expect(grantFor(SITE, storage)).toBeNull();
  });

  it('can be withdrawn', () => {
    addGrant(SITE, 'phi', 'month', storage);
    revokeGrant(SITE, storage);
    expect(grantFor(SITE, storage)).toBeNull();
  });

  it.each(['{', 'null', '{"origin":1}', '[1, null, {"origin":"https://guest.example"}]'])(
    'damaged records lend nothing: %s',
    (text) => {
      memory.items.set(GRANTS_KEY, text);
      expect(grantFor(SITE, storage)).toBeNull();
    },
  );
});
