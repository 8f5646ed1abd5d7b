/** Bars with whiskers, over Chart.js. Loaded when there is something to show. */
import {
  BarController,
  BarElement,
  CategoryScale,
  Chart,
  Legend,
  LinearScale,
  Tooltip,
  type ChartConfiguration,
  type Plugin,
} from 'chart.js';
import type { Bars } from './bars.ts';

Chart.register(BarController, BarElement, CategoryScale, LinearScale, Tooltip, Legend);

export interface Colours {
  text: string;
  muted: string;
  border: string;
  background: string;
  /** One a machine. */
  series: string[];
}

const FONT = { family: 'system-ui, sans-serif', size: 13 };
/** Height in CSS pixels of one bar with its share of the gap, and of axis and legend. */
const BAR_HEIGHT = 30;
const FRAME_HEIGHT = 56;

export const chartHeight = ({ rows, series }: Bars): number => FRAME_HEIGHT + rows.length * series.length * BAR_HEIGHT;

/** Below this width in pixels, names take two lines, because the bars need the space. */
const NARROW = 480;

/** The whiskers count too: the axis must hold them. */
const highest = ({ series }: Bars): number =>
  Math.max(
    0,
    ...series.flatMap(({ figures }) => figures.map((figure) => (figure ? figure.median + figure.spread / 2 : 0))),
  );

type Configuration = ChartConfiguration<'bar', (number | null)[], string | string[]>;

/** Draws `bars` on `canvas`, which follows the size of its parent; the caller destroys the chart. */
export function drawBars(
  canvas: HTMLCanvasElement,
  bars: Bars,
  colours: Colours,
  options: { still?: boolean } = {},
): Chart {
  const narrow = !options.still && canvas.parentElement!.clientWidth < NARROW;
  const configuration: Configuration = {
    type: 'bar',
    data: {
      labels: bars.rows.map((name) => (narrow ? name.split(/(?<=,) /) : name)),
      datasets: bars.series.map(({ name, figures, wrong }, s) => ({
        label: name,
        data: figures.map((figure) => figure?.median ?? null),
        backgroundColor: figures.map((_, i) =>
          withAlpha(colours.series[s % colours.series.length]!, wrong[i] ? 0.25 : 1),
        ),
        borderRadius: 3,
        skipNull: true, // a machine without this row takes no room: the others stand beside the row's name
        barPercentage: 0.9,
        categoryPercentage: 0.8,
      })),
    },
    options: chartOptions(bars, colours, { narrow, still: options.still === true }),
    plugins: [whiskers(bars, colours)],
  };
  return new Chart(canvas, configuration);
}

function chartOptions(
  bars: Bars,
  colours: Colours,
  { narrow, still }: { narrow: boolean; still: boolean },
): Configuration['options'] {
  return {
    indexAxis: 'y',
    responsive: !still,
    maintainAspectRatio: false,
    animation: false,
    ...(still && { devicePixelRatio: 2 }),
    layout: { padding: { right: 56 } },
    color: colours.text,
    font: FONT,
    scales: {
      x: {
        beginAtZero: true,
        suggestedMax: highest(bars),
        grid: { color: colours.border },
        ticks: { color: colours.muted, font: FONT, maxTicksLimit: narrow ? 4 : 6, maxRotation: 0 },
        border: { display: false },
      },
      y: {
        grid: { display: false },
        ticks: { color: colours.text, font: { ...FONT, lineHeight: 1.1 }, autoSkip: false, crossAlign: 'far' },
        border: { color: colours.border },
      },
    },
    plugins: {
      legend: {
        display: still && bars.series.length > 1, // on the page it stands below, where long names wrap
        position: 'bottom',
        align: 'start',
        labels: { color: colours.text, font: FONT, boxWidth: 12, boxHeight: 12 },
      },
      tooltip: {
        callbacks: {
          label: ({ datasetIndex, dataIndex }) => bars.words(bars.series[datasetIndex]!.figures[dataIndex]!),
        },
      },
    },
  };
}

/** The spread of the rounds through the end of each bar, and the median in figures behind it. */
function whiskers({ series, value }: Bars, { text }: Colours): Plugin<'bar'> {
  return {
    id: 'whiskers',
    afterDatasetsDraw(chart) {
      const { ctx, scales } = chart;
      const x = scales['x']!;
      ctx.save();
      ctx.strokeStyle = text;
      ctx.fillStyle = text;
      ctx.lineWidth = 1.5;
      ctx.font = `12px ${FONT.family}`;
      ctx.textBaseline = 'middle';
      series.forEach(({ figures }, s) => {
        chart.getDatasetMeta(s).data.forEach((bar, i) => {
          const figure = figures[i];
          if (!figure) return;
          const low = x.getPixelForValue(Math.max(0, figure.median - figure.spread / 2));
          const high = x.getPixelForValue(figure.median + figure.spread / 2);
          ctx.beginPath();
          ctx.moveTo(low, bar.y);
          ctx.lineTo(high, bar.y);
          for (const end of [low, high]) {
            ctx.moveTo(end, bar.y - 4);
            ctx.lineTo(end, bar.y + 4);
          }
          ctx.stroke();
          ctx.fillText(value(figure.median), high + 6, bar.y);
        });
      });
      ctx.restore();
    },
  };
}

function withAlpha(colour: string, alpha: number): string {
  return alpha === 1 ? colour : colour.replace(/^rgb\((.+)\)$/, `rgba($1, ${alpha})`);
}
