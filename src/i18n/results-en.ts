/** Strings of the screen of published results, in English. */
import { plural } from './strings.ts';

export const resultsEn = {
  resultsLead:
    'People measured these figures on their own machines and sent them to this project. The tables show medians over machines, with their spread.',
  resultsMeasure: 'Measure yours',
  resultsLoading: 'Reading the results',
  resultsFilters: 'Filters',
  resultsAll: 'All',
  resultsDevice: 'Device',
  resultsBackend: 'Backend',
  resultsNative: 'Servers',
  resultsSystem: 'System',
  resultsSoftware: 'Include machines without a GPU or NPU, which compute in software',
  resultsCount: (machineCount: number, machines: string, rowCount: number, rows: string) =>
    `${plural(machineCount, `${machines} machine`, `${machines} machines`)}, ${plural(rowCount, `${rows} row`, `${rows} rows`)}`,
  resultsNone: 'No result matches these filters.',
  resultsGroups: 'By device and backend',
  resultsGroupsHint:
    'Each machine counts once. ± is half the distance between the slowest and the fastest machine. Rows with wrong results are left out.',
  resultsMachineCount: (value: string, count: number, figure: string) =>
    `${value}, ${plural(count, `${figure} machine`, `${figure} machines`)}`,
  resultsInSoftware: 'in software',
  resultsUnsteady: (count: number, figure: string) =>
    plural(count, `${figure} figure left out: too unsteady`, `${figure} figures left out: too unsteady`),
  resultsPairs: 'NPU against GPU on the same machine',
  resultsPairsHint:
    'The speed of the NPU divided by that of the GPU. The fastest row of each counts, with the same model and browser.',
  resultsNoPair: 'No machine here has measured both yet.',
  resultsPairUnsteady: 'The rounds differ too much to quote this ratio.',
  resultsDecodeTimes: 'Decode, NPU / GPU',
  resultsPrefillTimes: 'Prefill, NPU / GPU',
  resultsMachines: 'Machines',
  resultsOpen: 'Open in Compare',
  resultsOpenOf: (machine: string, model: string) => `Open in Compare: ${model} on ${machine}`,
  resultsErrata: 'Errata',
  resultsLeftOut: (rows: string) => `Left out: ${rows}`,
  resultsRefused: 'Files that could not be read',

  sendMine: 'Send mine',
  sendTitle: 'Add this result to the collection',
  contributeHint:
    'This makes a file for the project’s collection of results. The app does not send it. Look at the file, then contribute it yourself.',
  sendName: 'Name of the machine',
  sendNamePlace: 'For example, Surface Laptop 7, Snapdragon X Elite',
  sendNote: 'Note (optional)',
  sendContains:
    'The file contains this result (browser, system, graphics adapter, cores, figures and replies) and what you write here. It contains nothing else about you.',
  sendSave: 'Save the file',
  sendOpen: 'Open the contribution page',
  sendNoPlace: 'This copy of the app names no repository for contributions. Send the file to the people who run it.',
  sendPublished: 'Published results',
} as const;
