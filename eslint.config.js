import js from '@eslint/js';
import svelte from 'eslint-plugin-svelte';
import { defineConfig } from 'eslint/config';
import globals from 'globals';
import ts from 'typescript-eslint';
import svelteConfig from './svelte.config.js';

/** A wall: files of `files` import nothing that matches `regex`. Tests and their helpers may look behind every wall. */
const wall = (files, regex, message) => ({
  files,
  ignores: ['**/*.test.ts', '**/testing/**'],
  rules: { '@typescript-eslint/no-restricted-imports': ['error', { patterns: [{ regex, message }] }] },
});

/** What may import what; docs/design.md draws it. Circles are found by scripts/structure.test.ts. */
const WALLS = [
  wall(
    ['scripts/{build,cli}/**', 'e2e/**'],
    '/workers/(engine|compare|evaluate|server|offline)/(?!(.*/)?testing/|model\\.ts$|webnn/api\\.ts$)',
    'Tools take doors: engine/model.ts, workers/shared, the store, or a testing folder.',
  ),
  wall(
    ['bench/**'],
    '/workers/engine/(choose|generate|wasm|webgpu|webnn/(?!api\\.ts$)|runtime/(?!ort\\.ts$))',
    'Benches open models through engine/model.ts. Graphs of peers run by runtime/ort.ts.',
  ),
  wall(
    ['bench/npu/**'],
    '/workers/engine/(generate/|runtime/(?!ort(-products)?\\.ts$)|wasm/|webgpu/)',
    'bench/npu hands WebNN graphs to compilers and to a browser, and knows no other backend.',
  ),
  wall(
    ['src/**/*.ts', 'src/**/*.svelte', 'scripts/cli/evaluate/page/**'],
    '/workers/(?!shared/|[a-z]+\\.worker\\.ts\\?worker&url$)',
    'A page takes only workers/shared and the addresses of worker entries.',
  ),
  wall(
    ['workers/shared/**'],
    '^\\.\\./(engine|store|compare|evaluate|server|offline)/',
    'Shared code takes only shared code.',
  ),
  wall(
    ['workers/store/**'],
    '^\\.\\./(engine|compare|evaluate|server|offline)/',
    'The store knows neither engine nor tools.',
  ),
  wall(['workers/engine/wasm/**'], '/(webgpu|webnn|choose)/', 'A backend takes neither another backend nor the chain.'),
  wall(['workers/engine/webgpu/**'], '/(wasm|webnn|choose)/', 'A backend takes neither another backend nor the chain.'),
  wall(['workers/engine/webnn/**'], '/(wasm|webgpu|choose)/', 'A backend takes neither another backend nor the chain.'),
  wall(
    ['workers/engine/{checkpoint,graph,tokenizer}/**'],
    '/(choose|wasm|webgpu|webnn|runtime|generate)/',
    'Formats, graphs and tokenizers know no backend.',
  ),
  wall(
    ['workers/engine/weights/**'],
    '^\\.\\./(?!\\.\\./shared/)',
    'Weights take only workers/shared: they know neither where matrices come from nor what runs them.',
  ),
  wall(
    ['workers/{compare,evaluate}/**', 'workers/{engine,compare,evaluate,server,service}.worker.ts'],
    '/engine/(choose|wasm|webgpu|webnn|runtime|graph|checkpoint|weights)/',
    'Go through the door, engine/model.ts.',
  ),
];

export default defineConfig(
  { ignores: ['dist/', 'dist-library/', 'node_modules/', 'public/models/', '.cache/', 'test-results/'] },
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },
  js.configs.recommended,
  ts.configs.recommended,
  svelte.configs.recommended,
  {
    rules: {
      eqeqeq: 'error',
      'no-console': 'error',
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/consistent-type-imports': 'error',
      // noUncheckedIndexedAccess makes `array[i]!` the honest way to say that a loop stays inside its bounds.
      '@typescript-eslint/no-non-null-assertion': 'off',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_' }],
    },
  },
  {
    files: ['**/*.svelte', '**/*.svelte.ts'],
    languageOptions: { globals: globals.browser, parserOptions: { parser: ts.parser, svelteConfig } },
  },
  {
    // Rules that need types. Oxlint checks them in TypeScript files (.oxlintrc.json) and is ten times as fast, but it does not read Svelte.
    files: ['**/*.svelte'],
    languageOptions: {
      parserOptions: {
        project: './src/tsconfig.json',
        tsconfigRootDir: import.meta.dirname,
        extraFileExtensions: ['.svelte'],
      },
    },
    rules: {
      ...ts.configs.recommendedTypeCheckedOnly.at(-1).rules,
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
    },
  },
  {
    // Command-line tools talk on the console.
    files: ['*.ts', 'scripts/**/*.ts', 'docs/*.ts', 'e2e/**/*.ts', 'bench/**/*.ts'],
    languageOptions: { globals: globals.node },
    rules: { 'no-console': 'off' },
  },
  ...WALLS,
  // What is longer asks to be split. Tests, and tables of data, may be longer.
  {
    files: ['**/*.ts', '**/*.svelte'],
    ignores: ['**/*.test.ts', '**/testing/**'],
    rules: { 'max-lines': ['error', 400] },
  },
  {
    files: ['{src,workers,scripts}/**/*.ts', 'src/**/*.svelte'],
    ignores: ['**/*.test.ts', '**/testing/**'],
    rules: { 'max-lines-per-function': ['error', 60] },
  },
  { files: ['**/*.ts', '**/*.svelte'], rules: { 'no-undef': 'off' } },
  { files: ['public/**/*.js'], languageOptions: { globals: { ...globals.browser, LanguageModel: 'readonly' } } },
);
