/**
 * `npm run test:reference`: 20,000 texts with added tokens against the `tokenizers` crate, 4,000 templates and all constructs against jinja2,
 * over the tokenizers in ../shared/fixtures. Needs a Python with the packages `tokenizers` and `jinja2`, named by PYTHON. About 5 minutes.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ROOT } from '../../build/app.ts';

const folder = mkdtempSync(join(tmpdir(), 'phi-reference-'));
const templates = join(folder, 'templates.json');
const constructs = join(folder, 'constructs.json');
const tokenizers = join(folder, 'tokenizers.json');
const seed = process.argv[2] ?? '11';

function run(command: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): void {
  const { status, error } = spawnSync(command, args, { cwd: ROOT, stdio: 'inherit', env: { ...process.env, ...env } });
  if (status !== 0)
    throw new Error(`${command} ${args[0] ?? ''} failed: ${error?.message ?? `status ${status ?? 'none'}`}`);
}

try {
  const python = process.env['PYTHON'] ?? 'python3';
  run(python, ['scripts/make/template-vectors.py', '--count', '4000', '--seed', seed, '--out', templates]);
  run(python, ['scripts/make/construct-vectors.py', '--out', constructs]);
  const fixtures = ['--fixtures', '../shared/fixtures'];
  run(python, [
    'scripts/make/tokenizer-vectors.py',
    '--count',
    '20000',
    '--seed',
    seed,
    ...fixtures,
    '--out',
    tokenizers,
  ]);
  run(
    process.execPath,
    [
      'node_modules/vitest/vitest.mjs',
      'run',
      'workers/engine/tokenizer/jinja-lexer.test.ts',
      'workers/engine/tokenizer/jinja-constructs.test.ts',
      'workers/engine/tokenizer/added-tokens.test.ts',
    ],
    { PHI_TEMPLATE_VECTORS: templates, PHI_CONSTRUCT_VECTORS: constructs, PHI_TOKENIZER_VECTORS: tokenizers },
  );
} finally {
  rmSync(folder, { recursive: true });
}
