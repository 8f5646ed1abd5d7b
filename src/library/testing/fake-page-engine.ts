/** An engine of the library over the scripted worker. */
import { Engine } from '../../engine/engine.ts';
import { fakeThread, type FakeDisk, type FakeScript } from '../../testing/fake-engine.ts';
import { PhiEngine } from '../engine.ts';

export function fakePageEngine(script: FakeScript = {}, disk: FakeDisk = { models: [] }): PhiEngine {
  return new PhiEngine({}, new Engine(() => fakeThread({ instant: true, ...script }, disk)));
}
