/** Texts that calibrated rounding reads, our own: what people ask of a model, in some of its languages and tones. */
export const CALIBRATION_TEXTS: readonly string[] = [
  `The ferry was late because of the fog, and nobody minded. A man in a green coat read the same page of his newspaper three times. Two girls shared a bag of cherries and counted the stones: "Soldier, sailor, farmer, thief." When the horn sounded, everyone stood up at once, looked for their bags and sat down again, since it had only been the harbour clock. By noon the water had turned from grey to silver. The captain apologised over the loudspeaker, first in one language and then in another, and promised coffee at half the price.`,
  `Question: How do I keep tomatoes from splitting on the plant?
Answer: Tomatoes split when they take up a lot of water after a dry spell. Water them evenly, about 3 cm a week, and in the morning. Cover the soil with straw so that it dries slowly. Pick ripe fruit before heavy rain is expected. Some varieties, for example 'Juliet', split less than others.`,
  `Here is a short plan for the meeting on Thursday:

1. Welcome and introductions (10 minutes)
2. Results of the third quarter: sales rose by 4.2 %, costs by 1.1 %
3. Decision: do we open the office in Lyon in 2027?
   - for: rents are low, two customers are near
   - against: nobody on the team speaks French well
4. Any other business

Please send your comments to anna.berg@example.org by Wednesday at noon.`,
  `def mean(values):
    """Return the arithmetic mean of a list of numbers."""
    if not values:
        raise ValueError("mean of an empty list")
    total = 0.0
    for value in values:
        total += value
    return total / len(values)

print(mean([1, 2, 3, 4]))  # 2.5

function debounce(call, wait) {
  let timer = null;
  return (...args) => {
    clearTimeout(timer);
    timer = setTimeout(() => call(...args), wait);
  };
}`,
  `A train leaves Basel at 9:40 and travels 126 km at an average speed of 84 km/h. When does it arrive? The journey takes 126 / 84 = 1.5 hours, that is one hour and thirty minutes, so it arrives at 11:10. If the speed were 20 % higher, it would need 1.25 hours and arrive at 10:55.`,
  `Photosynthesis is the process by which plants, algae and some bacteria turn light into chemical energy. In the first stage, light splits water into hydrogen and oxygen; in the second, carbon dioxide is built into sugar. Because oxygen is released, the atmosphere changed slowly over two billion years. The philosopher would say that a leaf is an argument against despair; the chemist says that its quantum yield is about one eighth.`,
  `Der Bäcker an der Ecke öffnet um sechs. Wer später kommt, findet noch Brot, aber keine Brezeln mehr. 今日は天気がいいので、駅まで歩いて行きましょう。パン屋は六時に開きます。 La boulangère connaît tout le monde par son nom, et le chat dort sur la farine.`,
  `Dear Ms Okafor, thank you for your letter of 3 May. I am sorry that the chair arrived with a broken leg. We have sent you a new one today, free of charge; you do not need to return the first. If anything else is wrong, please call me directly. Kind regards, T. Lindqvist`,
  `# Keeping bees in a small garden

A colony needs about two square metres, morning sun and water within a few hundred metres. Face the entrance away from paths, so that the flight line rises over a hedge or a fence. Most neighbours worry about stings, fewer about the swarm that leaves in May; tell both stories before the first box arrives.

## Equipment

| item | price | how long it lasts |
| --- | --- | --- |
| hive with ten frames | 180 € | 15 years |
| smoker and hive tool | 45 € | 10 years |
| veil and gloves | 60 € | 5 years |

In spring, add space before the bees need it. In August, take the honey, feed sugar syrup and treat against mites. From October on, leave the hive closed: every opening costs warmth, and warmth costs food.`,
  `User: My laptop gets hot and loud when I open many tabs. What can I do?
Assistant: Tabs that play video or run scripts keep the processor busy. Try these steps, in this order:
1. Open the browser's task manager and sort by CPU. Close the tabs at the top of the list.
2. Turn on memory saver, so that tabs you have not used for an hour are put to sleep.
3. Remove extensions that you do not need; each of them runs on every page.
4. Clean the fan's outlet with compressed air. Dust is the usual reason after two or three years.
If it is still hot with a single empty tab, look for updates of the system and the firmware.
User: The task manager says "GPU process" uses 40 %. Is that bad?
Assistant: Not by itself. The GPU process draws all pages, and video decoding happens there too. It should fall below 5 % when nothing moves on the screen.`,
  `The committee met for the fourth time on Tuesday and again did not agree on the route of the new tram. Engineers prefer the river bank, where the ground is level and only two houses would have to go. Shopkeepers want the line in Market Street, although the works would close it for fourteen months. "We have survived floods and a fire," said Ms Lindqvist, who has sold hats there since 1988, "but I am not sure about fourteen months of holes." The city will publish both estimates, 212 and 248 million crowns, before the vote in November. Trams last ran here in 1961; some of the old rails are still under the asphalt.`,
  `Let f(x) = x^2 - 4x + 7. We complete the square: f(x) = (x - 2)^2 + 3. The smallest value is therefore 3, and it is taken at x = 2. For the area between the curve, the axis and the lines x = 0 and x = 3 we integrate term by term: the integral of x^2 from 0 to 3 is 9, of -4x it is -18, and of 7 it is 21, so the area is 9 - 18 + 21 = 12. Suppose now that a bag holds 5 red and 3 blue balls and we draw two without putting the first one back. The probability of two red balls is 5/8 * 4/7 = 20/56 = 5/14, or about 35.7 %.`,
  `import { readFile } from 'node:fs/promises';

/** Counts how often each word occurs, most frequent first. */
export async function wordCounts(path: string, least = 2): Promise<[string, number][]> {
  const counts = new Map<string, number>();
  for (const word of (await readFile(path, 'utf8')).toLowerCase().match(/[\\p{L}']+/gu) ?? []) {
    counts.set(word, (counts.get(word) ?? 0) + 1);
  }
  return [...counts].filter(([, count]) => count >= least).sort(([, a], [, b]) => b - a);
}

SELECT c.name, COUNT(*) AS orders, SUM(o.total) AS revenue
FROM customers AS c JOIN orders AS o ON o.customer_id = c.id
WHERE o.placed_at >= '2026-01-01'
GROUP BY c.name HAVING SUM(o.total) > 1000
ORDER BY revenue DESC LIMIT 10;

{"id": 4711, "tags": ["garden", "tools"], "price": {"amount": 24.9, "currency": "EUR"}, "inStock": true}`,
  `The lighthouse keeper's daughter had never learned to swim, which the village thought was funny and she thought was sensible. On the morning the boat came loose she stood on the lowest step, the rope in both hands and her heels against the stone, and counted. At eleven the wind dropped for a moment. She pulled, made a loop, dropped it over the iron and sat down in the wet. "You could have let it go," her father said later, hanging her coat over the stove. "It is only a boat." She looked at him for a long time. "It is the only boat," she said, and that, in the years after the bridge was built, was how people told the story.`,
  `Les marchés de la ville ouvrent à sept heures. On y trouve du fromage, des fleurs et, le samedi, un vieil homme qui répare les montres pendant que l'on attend. La pluie ne l'a jamais arrêté. ¿Dónde está la estación? Siga todo recto hasta la plaza y gire a la izquierda; el tren de las ocho sale del andén tres. O museu fecha às segundas-feiras, mas o jardim fica aberto todo o ano. Il treno per Bologna parte tra dieci minuti dal binario quattro, e chi non ha il biglietto può comprarlo a bordo con un supplemento.`,
  `The heart pumps about five litres of blood a minute when a person rests and up to twenty-five when they run. Blood leaves the left ventricle through the aorta, gives oxygen to the organs and returns through the veins to the right side of the heart, which sends it to the lungs. Arteries have thick, elastic walls because the pressure in them rises with every beat; veins have valves, since the pressure there is too low to push the blood back up from the legs. In the capillaries, whose walls are a single cell thick, oxygen, sugar and waste change sides. Historians of medicine remember that until William Harvey counted and measured in 1628, most physicians believed that the liver made new blood all day long and the body used it up.`,
  `Write a product description for a folding bicycle in three sentences. The Metro 8 folds in twelve seconds and rolls on its own wheels like a suitcase, so it goes with you into trains, lifts and offices. Eight gears and hydraulic brakes make hills and rain part of an ordinary commute. With a weight of 10.4 kg and a guarantee of ten years on the frame, it is the last folding bicycle you will want to carry.

Summarise in one sentence: The museum's roof has leaked since spring, repairs cost more than planned, and the summer exhibition is moved to the old post office. Because its leaking roof is expensive to repair, the museum shows its summer exhibition in the old post office.

Translate into English: Der Vertrag endet am 31. Dezember, wenn er nicht vorher verlängert wird. The contract ends on 31 December unless it is extended before then.`,
  `# Quick start

Install the tool with \`npm install --save-dev shelfmark\` (Node 20 or newer) and add a file \`shelfmark.json\` to the root of your project:

\`\`\`json
{ "source": "content", "output": "dist", "languages": ["en", "fr"], "minify": true }
\`\`\`

Run \`npx shelfmark build\`. Pages are written to \`dist/\`, one folder for each language. The most useful options:

- \`--watch\` builds again when a file changes. Changed pages take about 40 ms.
- \`--strict\` turns warnings into errors; use it in CI.
- \`--base /docs/\` prefixes every link, for sites that are not at the root of a domain.

**Note:** versions before 2.3 read \`shelfmark.yml\`. The old file still works, but it is ignored as soon as a JSON file exists. See [Upgrading](upgrading.md) for the four settings that changed their names, and \`CHANGELOG.md\` for everything else.`,
  `## How requests are processed

Each request passes through three stages: *authentication*, *rate limiting* and the *handler*. A stage can end the request early; the response then carries the header \`X-Ended-By\` with the name of the stage. The cache sits between the second and third stage and keeps at most 512 MB. Entries expire after 60 s, or when a write to the same table commits.

| setting | default | what it does |
| --- | --- | --- |
| \`workers\` | number of cores | processes that accept connections |
| \`timeoutMs\` | 30000 | closes a request that takes longer |
| \`maxBody\` | 1 MB | larger bodies are refused with 413 |

Measured on a laptop with four cores: 11,200 requests a second without the cache, 38,500 with it; the slowest 1 % took 9.4 ms. If the database cannot be reached, the server answers from the cache for up to ten minutes and marks such answers with \`Age\`. It never answers a write from the cache. Tests for this are in \`test/outage.test.ts\`; run them with \`npm test -- outage\`.`,
  `Traceback (most recent call last):
  File "report.py", line 48, in <module>
    main(sys.argv[1])
  File "report.py", line 31, in main
    rows = [parse(line) for line in open(path, encoding="utf-8")]
ValueError: invalid literal for int() with base 10: '1,204'

The file uses a comma as the thousands separator, and int() does not accept it. Remove the comma before parsing: \`int(text.replace(",", ""))\`. If other files use a point instead, decide by the file's locale and do not guess: "1.204" may be one thousand two hundred and four, or a bit more than one. A test with both spellings would have found the error. While you are there, close the file: use \`with open(path) as lines:\` so that it is closed even when parsing fails.`,
  `Privacy notice. We store your name, your e-mail address and the date of your last visit. We need the address to send you tickets, and we delete it thirty days after the event unless you ask us to keep it. We do not sell data, and no third party receives it, except the payment provider, which gets the amount and a reference but not the titles of what you booked. You can ask for a copy of your data or for its deletion at any time; write to the address below and we will answer within two weeks. If you think that we handle your data wrongly, you may complain to the supervisory authority of your country.`,
];
