import { describe, expect, it } from 'vitest';
import { npuForms } from './npu-forms.ts';
import { tinyFor, tinyPhi } from './tiny-phi.ts';

const room = () => null;

describe('forms for an NPU', () => {
  it('begin with 4 bits where the file has them in that form, and end with what NPUs expand', () => {
    const { forms, notes } = npuForms(tinyFor('int4-columns').checkpoint, room);
    expect(forms[0]).toBe('int4-columns');
    expect(forms.indexOf('int4')).toBeGreaterThan(forms.indexOf('float16'));
    expect(notes).toEqual([]);
    expect(npuForms(tinyPhi(), room).forms).toContain('int4-groups');
  });

  it('leave out what costs too much accuracy, unless int8 has no room, and say so', () => {
    expect(npuForms(tinyPhi(), room).forms).not.toContain('int4-columns');
    expect(npuForms(tinyPhi(), room).forms[0]).toBe('int8');
    const tight = npuForms(tinyPhi(), (form) => (form === 'int8' ? 'needs 9 GB.' : null));
    expect(tight.forms).toContain('int4-columns');
    expect(tight.notes).toEqual([
      { form: 'int4-columns', why: 'int8 needs 9 GB. 4 bits cost this model about 0.2 nats a token in accuracy.' },
    ]);
  });
});
