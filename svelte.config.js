/** TypeScript in components needs no preprocessor: only erasable syntax is used. */
export default {
  compilerOptions: { runes: true },
};
