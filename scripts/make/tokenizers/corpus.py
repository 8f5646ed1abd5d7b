"""Text to train tokenizers on, made from a seed: invented words in many scripts, with the frequencies that words have. Nothing in it was written by anybody."""

import random

# Consonants and vowels of alphabets whose words are made of syllables.
ALPHABETS = {
    "latin": ("b c d f g h k l m n p r s t v w z br ch dr fl gr pl qu sh st th tr", "a e i o u ai ea ee io ou y", "n r s t l m ng nd st"),
    "accented": ("b c d f g l m n p r s t v ç ñ š", "á é í ó ú ä ö ü à ê ø å ą", "n r s t l ß"),
    "cyrillic": ("б в г д ж з к л м н п р с т х ц ч ш", "а е и о у ы э ю я", "й н р с т ль"),
    "greek": ("β γ δ ζ θ κ λ μ ν π ρ σ τ φ χ", "α ε η ι ο υ ω", "ς ν ρ"),
    "hebrew": ("ב ג ד ה ו ז ח ט י כ ל מ נ ס ע פ צ ק ר ש ת", "א ו י ה", "ם ן ת"),
    "arabic": ("ب ت ث ج ح خ د ر ز س ش ص ع ف ق ك ل م ن ه", "ا و ي", "ن ة ر"),
    "devanagari": ("क ख ग च ज ट ड त द न प ब म य र ल व स ह", "ा ि ी ु े ो", "् ं"),
    "thai": ("ก ข ค จ ช ด ต ท น บ ป พ ม ย ร ล ว ส ห", "า ิ ี ุ ู ะ ั", "น ม ง"),
}
# First code point and number of characters of scripts whose words are made of signs.
SIGNS = {"han": (0x4E00, 5000), "hiragana": (0x3042, 80), "katakana": (0x30A2, 80), "hangul": (0xAC00, 2000)}
SHARES = {
    "latin": 46, "accented": 8, "cyrillic": 9, "greek": 3, "hebrew": 3, "arabic": 5, "devanagari": 3, "thai": 2, "han": 10, "hiragana": 4, "katakana": 3,
    "hangul": 4,
}  # fmt: skip
SUFFIXES = ["'s", "'t", "'re", "'ve", "'m", "'ll", "'d"]
MARKS = [". ", ", ", "; ", ": ", "! ", "? ", " - ", "...", " (", ") ", "\n", "\n\n", "\t", " / ", "。", "、", "\r\n"]
CODE = ["if (", ") {\n", "}\n", "    return ", " = ", " == ", "[i]", "();\n", "=> ", "// ", "/* ", " */\n", "def ", "import ", "&&", "||", "</", "/>", "::", "->", "#"]
EMOJI = ["🙂", "👍🏽", "👨‍👩‍👧", "🏳️‍🌈", "🇫🇷", "1️⃣", "🚀", "❤️"]


def syllable(random_, alphabet):
    onset, nucleus, coda = (part.split() for part in ALPHABETS[alphabet])
    return random_.choice(onset) + random_.choice(nucleus) + (random_.choice(coda) if random_.random() < 0.3 else "")


def word(random_, script):
    if script in SIGNS:
        first, count = SIGNS[script]
        # The first signs of a script are its common ones.
        return "".join(chr(first + int(count * random_.random() ** 2)) for _ in range(random_.choice((1, 2, 2, 3, 4))))
    text = "".join(syllable(random_, script) for _ in range(random_.choice((1, 2, 2, 2, 3, 3, 4))))
    case = random_.random()
    return text.title() if case < 0.2 else text.upper() if case < 0.24 else text


def lexicon(seed, words):
    """`words` words, shuffled, so that every script has common and rare ones."""
    random_ = random.Random(seed)
    scripts, shares = zip(*SHARES.items(), strict=True)
    return [word(random_, script) for script in random_.choices(scripts, shares, k=words)]


def lines(seed, words, count):
    """`count` lines of 40 words, a word of rank r about 1/r as often as the first."""
    words = lexicon(seed, words)
    random_ = random.Random(seed + 1)
    for _ in range(count):
        parts = []
        for _ in range(40):
            parts.append(words[min(len(words) - 1, int(len(words) ** random_.random()) - 1)])
            chance = random_.random()
            if chance < 0.72:
                parts.append(" ")
            elif chance < 0.74:
                parts.append(random_.choice(SUFFIXES) + " ")
            elif chance < 0.90:
                parts.append(random_.choice(MARKS))
            elif chance < 0.95:
                parts.append(random_.choice(CODE))
            elif chance < 0.985:
                parts.append(f" {random_.randrange(10 ** random_.randrange(1, 7))}")
            else:
                parts.append(" " * random_.randrange(2, 12) + random_.choice(EMOJI))
        yield "".join(parts)
