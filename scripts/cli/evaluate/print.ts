import type { EngineReport } from '../../../workers/shared/protocol.ts';
import type { CaseReport, EvaluateReport, TextReport } from './check.ts';
import type { FormsReport, ToolsReport } from './forms.ts';

const percent = (equal: number, of: number): string => `${((100 * equal) / of).toFixed(1)} %`;

export function engineLine(report: EngineReport): string {
  const seconds = (report.loadMs / 1000).toFixed(1);
  const cost = report.weightError ? ` (weights requantised, relative error ${report.weightError.toPrecision(2)})` : '';
  return `${report.name}: ${report.backend} on ${report.device}, ${report.form}${cost}, context ${report.contextLength}, loaded in ${seconds} s`;
}

export function caseLine(report: CaseReport): string {
  const parts = [`${report.name} (${report.promptTokens} tokens)`];
  if (report.logits) parts.push(`largest difference ${report.logits.largest?.toPrecision(3) ?? 'not comparable'}`);
  if (report.argmax) parts.push(`argmax ${report.argmax.equal}/${report.argmax.compared}`);
  if (report.greedy) {
    const { equal, of, mismatch } = report.greedy;
    parts.push(
      `greedy ${equal}/${of}${mismatch && !mismatch.counts ? `, a tie at step ${mismatch.step} (gap ${mismatch.gap.toPrecision(2)}), the rest not compared` : ''}`,
    );
  }
  if (report.reply)
    parts.push(
      `reply ${report.reply.equal}/${report.reply.compared}, at gap 0.7 ${report.reply.atGap07.equal}/${report.reply.atGap07.steps}`,
    );
  const decode = report.decodeTokensPerSecond === null ? '' : `, decode ${report.decodeTokensPerSecond.toFixed(1)}`;
  parts.push(`prefill ${report.prefillTokensPerSecond.toFixed(1)}${decode} tok/s`);
  if (report.notChecked.length > 0) parts.push(`not in the reference, not checked: ${report.notChecked.join(', ')}`);
  return parts.join('; ');
}

export function textLine(name: string, report: TextReport): string {
  const parts = [
    `${name}: mean NLL ${report.meanNll.toFixed(5)} over ${report.tokens} tokens (perplexity ${report.perplexity.toFixed(2)})`,
  ];
  if (report.difference !== null)
    parts.push(`${report.difference >= 0 ? '+' : ''}${report.difference.toFixed(5)} against the reference`);
  if (report.argmax) parts.push(`argmax ${percent(report.argmax.equal, report.argmax.compared)}`);
  if (report.windows > 1) parts.push(`in ${report.windows} windows`);
  parts.push(`${report.tokensPerSecond.toFixed(1)} tok/s`);
  return parts.join('; ');
}

/** "without the constraint: 3 of 20 valid ...", and the same with it. */
export function formLines({ file, free, constrained, ...rest }: FormsReport | ToolsReport): string[] {
  const line = (how: string, replies: FormsReport['free'] | ToolsReport['free']) => {
    const parts = [`${file}, ${how} the constraint: ${replies.valid} of ${replies.count} valid`];
    if ('chosen' in replies)
      parts.push(`the right tool ${replies.chosen}, with the right arguments ${replies.rightArguments}`);
    parts.push(`${replies.tokens} tokens, decode ${replies.decodeTokensPerSecond.toFixed(1)} tok/s`);
    if (replies.msPerMask !== null)
      parts.push(
        `${percent(replies.forced, replies.tokens)} certain, ${replies.masks} masks of ${replies.msPerMask.toFixed(2)} ms`,
      );
    return parts.join('; ');
  };
  const refused = 'refused' in rest ? rest.refused.map(({ name, why }) => `${file}, ${name} refused: ${why}`) : [];
  return [line('without', free), line('with', constrained), ...refused];
}

/** Problems of all parts, each with where it arose. */
export function problems(report: EvaluateReport): string[] {
  const ofCases = report.cases.flatMap((one) => one.problems.map((problem) => `${one.name}: ${problem}`));
  const ofTexts = [report.teacherForced, report.text]
    .flatMap((text) => [text?.problem, text?.argmax?.problem])
    .filter((problem) => typeof problem === 'string');
  const ofForms = [report.schema, report.tools].flatMap((forms) => forms?.problems ?? []);
  return [...ofCases, ...ofTexts, ...ofForms];
}
