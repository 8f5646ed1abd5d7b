import { describe, expect, it } from 'vitest';
import { npuForms } from './npu-forms.ts';
import type { WeightFormat } from '../../shared/protocol.ts';
import { tinyFor, tinyPhi } from './tiny-phi.ts';

const room = () => null;
const tight = (form: WeightFormat) => (form === 'int8' ? 'needs 9 GB.' : null);

describe('forms for an NPU', () => {
  it('begin with 4 bits where the file has them in that form, and end with what NPUs expand', () => {
    const { forms, notes } = npuForms(tinyFor('int4-columns').checkpoint, false, room);
    expect(forms[0]).toBe('int4-columns');
    expect(forms.indexOf('int4')).toBeGreaterThan(forms.indexOf('float16'));
    expect(notes).toEqual([]);
    expect(npuForms(tinyPhi(), false, room).forms).toContain('int4-groups');
  });

  it('leave out what costs too much accuracy, unless int8 has no room, and say so', () => {
    const { forms, makable } = npuForms(tinyPhi(), false, room);
    expect(forms).not.toContain('int4-columns');
    expect(forms[0]).toBe('int8');
    expect(makable).toEqual(['int4-columns']);
    const only = npuForms(tinyPhi(), false, tight);
    expect(only.forms).toContain('int4-columns');
    expect(only.makable).toEqual([]);
    expect(only.notes).toEqual([
      { form: 'int4-columns', why: 'int8 needs 9 GB. 4 bits cost this model about 0.08 nats a token in accuracy.' },
    ]);
  });

  it('take compensated weights behind int8 once they are made: the device decides by its speed', () => {
    const { forms, makable, notes } = npuForms(tinyPhi(), true, room);
    expect(forms.slice(0, 2)).toEqual(['int8', 'int4-columns']);
    expect([makable, notes]).toEqual([[], []]);
  });

  it('of a file that has them by column have nothing to make', () => {
    const { forms, makable } = npuForms(tinyFor('int4-columns').checkpoint, false, room);
    expect(forms.slice(0, 2)).toEqual(['int4-columns', 'int8']);
    expect(makable).toEqual([]);
  });
});
