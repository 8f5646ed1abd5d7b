/** An engine of the library over the scripted worker. */
import { Engine } from '../../engine/engine.ts';
import { fakeThread } from '../../testing/fake-engine.ts';
import type { FakeDisk, FakeScript } from '../../testing/fake-script.ts';
import { PhiEngine } from '../engine.ts';

export function fakePageEngine(script: FakeScript = {}, disk: FakeDisk = { models: [] }): PhiEngine {
  return new PhiEngine({}, new Engine(() => fakeThread({ instant: true, ...script }, disk)));
}
