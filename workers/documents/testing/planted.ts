/** A 60-page document with 100 planted facts on known pages, in English and Japanese, among text that uses the same words. */

export interface PlantedFact {
  question: string;
  /** Words of the answer, as they stand on the page. */
  answer: string;
  /** From 1. */
  page: number;
}

const PAGES = 60;

const OFFICES = [
  'harbour office',
  'city library',
  'tram depot',
  'observatory',
  'fire brigade',
  'fish market',
  'botanical garden',
  'water works',
  'music school',
  'town archive',
];
const 施設 = [
  '港湾事務所',
  '市立図書館',
  '電車車庫',
  '天文台',
  '消防署',
  '魚市場',
  '植物園',
  '浄水場',
  '音楽学校',
  '文書館',
];

/** What is stated of each, and how it is asked. The question has other forms of the words. */
const ENGLISH = [
  (office: string, n: number) => [
    `The ${office} was founded in ${1820 + n}.`,
    `When was the founding of the ${office}?`,
    `founded in ${1820 + n}`,
  ],
  (office: string, n: number) => [
    `The annual budget of the ${office} is ${4_100 + n} crowns.`,
    `How large is the ${office}'s budget?`,
    `${4_100 + n} crowns`,
  ],
  (office: string, n: number) => [
    `The ${office} employs ${200 + n} people.`,
    `How many people are employed by the ${office}?`,
    `employs ${200 + n} people`,
  ],
  (office: string, n: number) => [
    `Visitors reach the ${office} by calling extension ${7_300 + n}.`,
    `Which extension do I call to reach the ${office}?`,
    `extension ${7_300 + n}`,
  ],
  (office: string, n: number) => [
    `The roof of the ${office} was repaired by the builder Lindqvist no. ${n}.`,
    `Who repaired the roof of the ${office}?`,
    `Lindqvist no. ${n}`,
  ],
] as const;
const 日本語 = [
  (名: string, n: number) => [
    `${名}は${1860 + n}年に設立されました。`,
    `${名}が設立されたのはいつですか`,
    `${1860 + n}年`,
  ],
  (名: string, n: number) => [`${名}の年間予算は${510 + n}万円です。`, `${名}の予算はいくらですか`, `${510 + n}万円`],
  (名: string, n: number) => [`${名}では${300 + n}人の職員が働いています。`, `${名}の職員は何人ですか`, `${300 + n}人`],
  (名: string, n: number) => [
    `${名}への問い合わせは内線${6_200 + n}番です。`,
    `${名}に問い合わせるときの内線番号は？`,
    `内線${6_200 + n}番`,
  ],
  (名: string, n: number) => [
    `${名}の屋根は第${n}工務店が修理しました。`,
    `${名}の屋根を修理したのは誰ですか`,
    `第${n}工務店`,
  ],
] as const;

/** Sentences that say nothing and use the same words. */
const FILLER = [
  'The council discussed the budget of several offices at length.',
  'Many people work in the city, and visitors come from far away.',
  'A new roof is expensive, and every repair takes more time than planned.',
  'The founding years of the older schools are not known with certainty.',
  'Call the switchboard if you do not know the extension of an office.',
  'The garden near the market is open on most days of the year.',
  'Water from the harbour was once carried to the fire brigade by hand.',
  'The library and the archive share a reading room in winter.',
];
const 埋め草 = [
  '市の予算については議会で長い議論がありました。',
  '多くの職員が市内の施設で働いています。',
  '屋根の修理には思ったより時間がかかります。',
  '古い学校が設立された年ははっきりしていません。',
  '内線番号がわからないときは代表番号に問い合わせてください。',
  '市場の近くの庭園は一年のほとんどの日に開いています。',
  '港の水はかつて手で運ばれていました。',
  '図書館と文書館は冬のあいだ閲覧室を共有します。',
];

/** Lines of the pages, and what can be asked about them. */
export function plantedDocument(): { pages: string[][]; facts: PlantedFact[] } {
  const pages: string[][] = Array.from({ length: PAGES }, (_, i) =>
    Array.from({ length: 22 }, (_, line) => {
      const at = i * 7 + line * 3;
      return line < 11 ? FILLER[at % FILLER.length]! : 埋め草[at % 埋め草.length]!;
    }),
  );
  const facts: PlantedFact[] = [];
  const plant = (made: readonly string[], line: number) => {
    const page = ((facts.length * 37) % PAGES) + 1;
    const [sentence, question, answer] = made as [string, string, string];
    pages[page - 1]!.splice(line + (facts.length % 7), 0, sentence);
    facts.push({ question, answer, page });
  };
  for (const [kind, make] of ENGLISH.entries())
    for (const [i, office] of OFFICES.entries()) plant(make(office, kind * 10 + i), 1);
  for (const [kind, make] of 日本語.entries()) for (const [i, 名] of 施設.entries()) plant(make(名, kind * 10 + i), 13);
  return { pages, facts };
}
