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
];
