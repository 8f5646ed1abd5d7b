import { expect, it } from 'vitest';
import { findStrings } from './find.ts';

const textsOf = (path: string, source: string) => findStrings(path, source).map(({ kind, text }) => `${kind} ${text}`);

it('tells errors, console output and other sentences apart', () => {
  const source = `import { a } from 'some words.ts';
    const key = 'one-word';
    const note = 'The file is empty.';
    console.log('done');
    throw new PhiError('bad-model', 'Damaged: ' + name + \`, \${size} bytes\`);`;
  expect(textsOf('workers/a.ts', source)).toEqual([
    "text 'The file is empty.'",
    "console 'done'",
    "error 'Damaged: ' + name + `, ${size} bytes`",
  ]);
});

it('takes every value of a catalogue, but no key', () => {
  const source = `export const en = { 'error:network': 'No answer', load: 'Load', files: (n: number) => \`\${n} files\` };`;
  expect(textsOf('src/i18n/en.ts', source)).toEqual([
    "catalogue 'No answer'",
    "catalogue 'Load'",
    'catalogue `${n} files`',
  ]);
});

it('reads the markup of Svelte, with its shown attributes, and gives lines of the whole file', () => {
  const source = `<script lang="ts">\n  const reason = 'It went away.';\n</script>\n\n<p class="not shown" title="Shown here">Save</p>`;
  expect(findStrings('src/a.svelte', source).map(({ line, kind, text }) => `${line} ${kind} ${text}`)).toEqual([
    '5 markup Shown here',
    '5 markup Save',
    "2 text 'It went away.'",
  ]);
});
