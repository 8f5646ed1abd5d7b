/** The charts as one picture for a talk or a post. */
import type { Bars } from './bars.ts';
import { chartHeight, drawBars, type Colours } from './charts.ts';

const WIDTH = 1200;
const SCALE = 2;
const MARGIN = 40;
const LINE = 28;
const SMALL = '13px system-ui, sans-serif';
const SMALL_LINE = 20;

/** PNG of the sentence, the machines, every chart, and how to read them, on the page's background. */
export async function toPicture(
  lines: readonly string[],
  charts: readonly Bars[],
  notes: readonly string[],
  colours: Colours,
): Promise<Blob> {
  const heights = charts.map(chartHeight);
  const canvas = document.createElement('canvas');
  const context = canvas.getContext('2d')!;
  const font = (bold: boolean) => `${bold ? '600 20px' : '16px'} system-ui, sans-serif`;
  context.font = SMALL;
  const small = notes.flatMap((note) => wrap(context, note, WIDTH - 2 * MARGIN));
  context.font = font(true);
  const wrapped = lines.flatMap((line, i) =>
    wrap(context, line, WIDTH - 2 * MARGIN).map((text) => ({ text, bold: i === 0 })),
  );
  const height =
    2 * MARGIN +
    wrapped.length * LINE +
    heights.reduce((sum, chart) => sum + chart + 2 * LINE, 0) +
    small.length * SMALL_LINE;
  canvas.width = WIDTH * SCALE;
  canvas.height = height * SCALE;
  context.scale(SCALE, SCALE);
  context.fillStyle = colours.background;
  context.fillRect(0, 0, WIDTH, height);
  context.fillStyle = colours.text;
  let y = MARGIN + LINE / 2;
  for (const { text, bold } of wrapped) {
    context.font = font(bold);
    context.fillText(text, MARGIN, y);
    y += LINE;
  }
  charts.forEach((bars, i) => {
    y += LINE;
    context.font = font(false);
    context.fillStyle = colours.text;
    context.fillText(`${bars.title} ${bars.hint}`, MARGIN, y);
    const part = document.createElement('canvas');
    part.width = WIDTH - 2 * MARGIN;
    part.height = heights[i]!;
    const chart = drawBars(part, bars, colours, { still: true });
    context.drawImage(part, MARGIN, y + LINE / 2, WIDTH - 2 * MARGIN, heights[i]!);
    chart.destroy();
    y += heights[i]! + LINE;
  });
  context.font = SMALL;
  context.fillStyle = colours.muted;
  for (const text of small) {
    y += SMALL_LINE;
    context.fillText(text, MARGIN, y);
  }
  return new Promise((resolve, reject) => {
    canvas.toBlob(
      (blob) => (blob ? resolve(blob) : reject(new Error('The browser could not make a picture of this size.'))),
      'image/png',
    );
  });
}

function wrap(context: CanvasRenderingContext2D, line: string, width: number): string[] {
  const rows = [''];
  for (const word of line.split(/(?<=\s)/)) {
    const longer = rows.at(-1)! + word;
    if (rows.at(-1) !== '' && context.measureText(longer).width > width) rows.push(word);
    else rows[rows.length - 1] = longer;
  }
  return rows;
}
