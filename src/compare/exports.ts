/** A result as Markdown and CSV. Column names are English in every language: they are read by programs and quoted in issues. */
import type { Figure } from './figure.ts';
import { decimals, isUnsteady } from './figure.ts';
import { testName } from './plan.ts';
import { isMeasured, measuredRows, programLine, type CompareResult, type Measured, type Row } from './result.ts';

const plain = (figure: Figure | null): string =>
  figure
    ? `${figure.median.toFixed(decimals(figure.median))} ± ${(figure.spread / 2).toFixed(decimals(figure.median))}${isUnsteady(figure) ? ' (unsteady)' : ''}`
    : '';
const percent = (share: number | null | undefined): string =>
  share === null || share === undefined ? '' : `${(100 * share).toFixed(1)} %`;

/** Cells of strangers' text must not end a cell or begin markup. */
const cell = (text: string): string => text.replace(/[\\|`*_[\]<>]/g, '\\$&').replace(/\s+/g, ' ');

export function toMarkdown(result: CompareResult): string {
  const { machine, model, settings, reference } = result;
  const machineLine = [machine.browser, machine.system, machine.adapter, machine.cores && `${machine.cores} cores`]
    .filter(Boolean)
    .join(', ');
  const rows = result.rows.map((row) => {
    if (!isMeasured(row)) return [cell(row.label), cell(row.form), `absent: ${cell(row.absent)}`, '', '', '', '', ''];
    return [
      cell(row.label),
      cell(row.form),
      cell(row.otherModel ? `${row.device}; another model: ${row.model}` : row.device),
      plain(row.ttftMs),
      plain(row.prefillTokensPerSecond),
      plain(row.decodeTokensPerSecond),
      plain(row.decodeAtEndTokensPerSecond),
      percent(row.agreement?.atGap07.share),
    ];
  });
  const header = [
    'Row',
    'Weights',
    'Ran on',
    'TTFT ms',
    'Prefill tok/s',
    'Decode tok/s',
    'Decode at end tok/s',
    'Agreement',
  ];
  return [
    [`**${cell(model.name)}** on ${cell(machineLine)}`, cell(programLine(result) ?? ''), result.date]
      .filter(Boolean)
      .join(', '),
    '',
    `| ${header.join(' | ')} |`,
    `|${header.map((_, i) => (i > 2 ? ' ---: ' : ' --- ')).join('|')}|`,
    ...rows.map((cells) => `| ${cells.join(' | ')} |`),
    '',
    `Median of ${settings.rounds} rounds after a warm-up round, ± half the gap between the fastest and the slowest. TTFT and prefill at ${settings.headlineTokens} prompt tokens; ` +
      `decode over ${settings.decodeTokens} tokens without the first; decode at the end after ${settings.promptTokens.at(-1)} prompt tokens.` +
      (reference
        ? ` Agreement: share of the sure steps of the reference (${cell(reference.name)}) with the same best token.`
        : ''),
    '',
    ...testsTable(measuredRows(result)),
  ].join('\n');
}

/** llama-bench's tests: a line for each row, a column for each test. */
function testsTable(rows: Measured[]): string[] {
  const tested = rows.filter(({ tests }) => tests.length > 0);
  const names = testNames(tested);
  if (names.length === 0) return [];
  return [
    `| Tokens a second | ${names.join(' | ')} |`,
    `| --- |${names.map(() => ' ---: |').join('')}`,
    ...tested.map((row) => {
      const cells = names.map((name) => plain(testOf(row, name)));
      return `| ${[cell(rowTitle(row)), ...cells].join(' | ')} |`;
    }),
    '',
  ];
}

/** "WebGPU, int4", and the model where it is another than the result's. */
const rowTitle = ({ label, form, otherModel, model }: Measured): string =>
  [label, form, otherModel ? model : null].filter(Boolean).join(', ');
const testNames = (rows: readonly Row[]): string[] => [
  ...new Set(rows.flatMap((row) => (isMeasured(row) ? row.tests.map(testName) : []))),
];
const testOf = (row: Row, name: string): Figure | null =>
  (isMeasured(row) ? row.tests.find((test) => testName(test) === name)?.tokensPerSecond : null) ?? null;

const METRICS = [
  'loadMs',
  'compileMs',
  'ttftMs',
  'prefillTokensPerSecond',
  'decodeTokensPerSecond',
  'decodeAtEndTokensPerSecond',
] as const;

export function toCsv(result: CompareResult): string {
  const names = testNames(result.rows);
  const header = [
    ...['label', 'backend', 'asked_device', 'device', 'kind', 'form', 'model', 'graphs', 'threads'],
    ...METRICS.flatMap((metric) => [`${metric}_median`, `${metric}_spread`, `${metric}_rounds`]),
    ...['agreement_gap07', 'agreement_all', 'mean_nll', 'engine_bytes', 'page_bytes', 'absent'],
    ...names.flatMap((name) => [`${name}_median`, `${name}_spread`, `${name}_rounds`]),
  ];
  const tests = (row: Row) => names.flatMap((name) => cellsOf(testOf(row, name)));
  return [header, ...result.rows.map((row) => [...csvCells(row), ...tests(row)])]
    .map((cells) => `${cells.map(csvCell).join(',')}\r\n`)
    .join('');
}

type Cell = string | number | null;

const cellsOf = (figure: Figure | null): Cell[] => [
  figure?.median ?? null,
  figure?.spread ?? null,
  figure?.rounds ?? null,
];

function csvCells(row: Row): Cell[] {
  const head: Cell[] = [row.label, row.backend, row.asked.device];
  if (!isMeasured(row))
    return [
      ...head,
      null,
      null,
      row.form,
      null,
      null,
      null,
      ...METRICS.flatMap(() => [null, null, null]),
      null,
      null,
      null,
      null,
      null,
      row.absent,
    ];
  const figures = METRICS.flatMap((metric) => cellsOf(row[metric]));
  const { agreement, memory } = row;
  return [
    ...[...head, row.device, row.kind, row.form, row.model, row.graphs, row.threads],
    ...figures,
    ...[
      agreement?.atGap07.share ?? null,
      agreement?.all.share ?? null,
      agreement?.meanNll ?? null,
      memory.engineBytes,
      memory.pageBytes,
      null,
    ],
  ];
}

/** Text that a spreadsheet would take for a formula gets an apostrophe in front. */
function csvCell(value: Cell): string {
  if (value === null) return '';
  if (typeof value === 'number') return String(value);
  const safe = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
  return `"${safe.replaceAll('"', '""')}"`;
}
