/** The built-in text, our own: it is what every row reads, and what agreement is measured on. */
export const TEXT = `The night train leaves the coast at ten and climbs until the sea is only a darker part of the dark. There are four carriages and a van for the post. The guard knows most of the people by name: the nurse who changes at the junction, the two brothers who repair lifts, the old teacher who always carries a cake in a tin. In winter the heating fails at the third tunnel, and then everybody moves into the first carriage, shares what there is to eat and talks about the weather as if it were a relation who behaves badly.

A little after midnight the line crosses the high bridge. It was built from both sides at once, and the story goes that the two halves met with an error smaller than a hand is wide. The engineer who had calculated it is said to have slept through the day on which they met. Below the bridge there is a village with one lamp. Nobody on the train has ever been there, and yet each of them would notice if the lamp were out.

What is carried in the van is not romantic: parts for pumps, seeds, forms to be signed, a violin that was sold on Monday. It weighs about three tonnes. Still, if the train were cancelled for a week, the pharmacy would run short of insulin, the school would cook without onions, and forty letters would arrive after the answer to them had stopped mattering.
`;

/** The instruction that precedes the text. */
export const INSTRUCTION = 'Go on with this story at length.\n\n';
