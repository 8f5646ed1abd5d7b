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
