import { describe, expect, it, vi } from 'vitest';
import { StepGraphs } from './step-graphs.ts';

const graph = (name: string) => ({ name, destroy: vi.fn() });

/** A graph that is being built. */
function pending() {
  const far = graph('far');
  let finish = () => {};
  let fail = () => {};
  const built = new Promise<typeof far>((resolve, reject) => {
    finish = () => resolve(far);
    fail = () => reject(new Error('refused'));
  });
  return { far, build: vi.fn(() => built), finish, fail };
}

const settled = () => new Promise((resolve) => setTimeout(resolve));

describe('StepGraphs', () => {
  it('stays with one graph that looks at all slots', () => {
    const near = graph('near');
    const steps = new StepGraphs(near, 512, null);
    for (const past of [0, 511, 4000]) expect(steps.at(past)).toBe(near);
  });

  it('builds the second one once, halfway to where it is needed, and leaves tokens to a wider graph until it is ready', async () => {
    const near = graph('near');
    const { far, build, finish } = pending();
    const steps = new StepGraphs(near, 1024, build);
    expect(steps.at(512)).toBe(near);
    expect(build).not.toHaveBeenCalled();
    expect(steps.at(513)).toBe(near);
    expect(steps.at(1024)).toBe(near);
    expect(steps.at(1025)).toBeNull();
    expect(build).toHaveBeenCalledOnce();
    finish();
    await settled();
    expect(steps.at(1025)).toBe(far);
    expect(steps.at(40)).toBe(near); // the next conversation
    steps.destroy();
    expect(far.destroy).toHaveBeenCalledOnce();
    expect(near.destroy).toHaveBeenCalledOnce();
  });

  it('leaves long contexts to the wider graph when the second one is refused', async () => {
    const { build, fail } = pending();
    const steps = new StepGraphs(graph('near'), 1024, build);
    expect(steps.at(2000)).toBeNull();
    fail();
    await settled();
    expect(steps.at(2000)).toBeNull();
    expect(build).toHaveBeenCalledOnce();
  });

  it('frees a graph that is finished after the model was closed', async () => {
    const { far, build, finish } = pending();
    const steps = new StepGraphs(graph('near'), 1024, build);
    steps.at(2000);
    steps.destroy();
    finish();
    await settled();
    expect(far.destroy).toHaveBeenCalledOnce();
  });
});
