/** What was asked for, where nothing but the backend was. */
export const askedOf = <B extends string>(backend: B) => ({ backend, device: null, threads: null, form: 'auto' });

/** What a row has that was neither tested nor checked, and needs no word. Rows of version 1 had none of these fields. */
export const ROW_DEFAULTS = {
  tests: [],
  tasks: [],
  coldStart: null,
  battery: null,
  order: null,
  pausedMs: null,
  otherModel: false,
  notes: [],
};
