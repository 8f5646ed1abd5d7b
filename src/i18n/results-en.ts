/** Strings of the screen of published results, in English. */
import { plural } from './strings.ts';

export const resultsEn = {
  results: 'Results',
  resultsLead:
    'What people measured on their machines and sent to this project: medians over machines, with their spread.',
  resultsMeasure: 'Measure yours',
  resultsLoading: 'Reading the results',
  resultsFilters: 'Filters',
  resultsAll: 'All',
  resultsDevice: 'Device',
  resultsBackend: 'Backend',
  resultsNative: 'Servers',
  resultsSystem: 'System',
  resultsSoftware: 'Also machines without a GPU or NPU, whose adapters are software',
  resultsCount: (count: number, machines: string, rows: string) =>
    plural(count, `${machines} machine, ${rows} rows`, `${machines} machines, ${rows} rows`),
  resultsNone: 'No result matches these filters.',
  resultsGroups: 'By device and backend',
  resultsGroupsHint:
    'Each machine counts once. ± is half the distance between the slowest and the fastest machine. Rows that compute wrongly are left out.',
  resultsMachineCount: (count: number, figure: string) => plural(count, `${figure} machine`, `${figure} machines`),
  resultsInSoftware: 'in software',
  resultsUnsteady: (count: number, figure: string) =>
    plural(count, `${figure} figure left out: too unsteady`, `${figure} figures left out: too unsteady`),
  resultsPairs: 'NPU against GPU on the same machine',
  resultsPairsHint: 'How many times as fast the NPU is: the fastest row of each, with the same model and browser.',
  resultsNoPair: 'No machine here has measured both yet.',
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
    'This makes a file for the project’s collection of results. Nothing is sent by itself: you look at the file, and send it where you want.',
  sendName: 'Name of the machine',
  sendNamePlace: 'Surface Laptop 7, Snapdragon X Elite',
  sendNote: 'Note (optional)',
  sendContains:
    'The file contains this result and what you write here: browser, system, graphics adapter, cores, figures and replies. It contains nothing else about you.',
  sendSave: 'Save the file',
  sendOpen: 'Open the contribution page',
  sendNoPlace: 'This copy of the app names no repository for contributions. Send the file to whoever runs it.',
  sendPublished: 'Published results',
} as const;
