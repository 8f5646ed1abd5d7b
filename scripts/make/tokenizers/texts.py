"""Texts that go wrong in careless tokenizers; the reference ids of expected.json are for these."""

PROSE = [
    "", " ", "a", "A", "0", "Hello world", "  two leading, two trailing  ", "trailing space ", "What does this button do?", "It's what they'd said: we'LL see, I'VE seen, don'T.",
    "The quick brown fox (42 years old) jumps over naïve cafés, Größe and Straße.", "one\ntwo\r\nthree\n\n\n\nend", "tab\tbetween\t\ttabs", " " * 37 + "x" + "\t" * 9,
    "CamelCaseAndSHOUTING and iOS, pH, McX", "e\u0301 a\u0308 o\u0302", "ﬁ ﬂ ligatures, ½ ² Ⅷ ① ٣ 𝟘", "12345678901234567890", "1,234.56 -7e-9 0x1F 3.14159", "…—–‘quoted’ “twice” «thrice»",
    "email@example.com https://example.com/a?b=c&d=%20#e", "C:\\Users\\x\\y.txt /usr/local/bin ~/.config", "a" * 200, "ab" * 120, "!?!?!?....,,,,", "        deep indent", "\n", "\n\n", "\r\n\r\n",
    "\t", "x\u00a0y\u2003z\u3000w", "zero\u200bwidth\u200djoin\ufeffer", "'ſ 'S 's", "Don't you're we've I'm he'll she'd it's",
]  # fmt: skip

SCRIPTS = [
    "日本語の文章です。長い文も、短い文もあります。", "カタカナとひらがなと漢字が混ざる", "中文字符，没有空格。", "繁體中文的句子。", "한국어 문장입니다. 띄어쓰기가 있습니다.", "Привет, как дела? ЁЖИК ёжик",
    "Καλημέρα κόσμε, ΑΒΓ αβγς", "مرحبا بالعالم ١٢٣", "שלום עולם, מה שלומך?", "नमस्ते दुनिया क्षि", "สวัสดีชาวโลก", "Xin chào thế giới, tiếng Việt", "Zażółć gęślą jaźń", "İstanbul ıI iİ", "ქართული ენა", "አማርኛ ቋንቋ",
    "தமிழ் மொழி", "ភាសាខ្មែរ", "Ἀρχιμήδης ᾳ ᾼ", "ﷺ ﷽", "𝔘𝔫𝔦𝔠𝔬𝔡𝔢 𝒮𝒸𝓇𝒾𝓅𝓉", "🙂👍🏽👨‍👩‍👧‍👦🏳️‍🌈🇫🇷🇯🇵1️⃣", "x🙂y 🙂 z", "日本🙂語", "㍿ ㌢ ㎏", "ａｂｃ ＡＢＣ １２３", "à la carte à la carte",
]  # fmt: skip

CODE = [
    "x=1;\nfor(let i=0;i<10;i++){\n  x+=i;\n}", "def f(a, b):\n    return a**b  # power\n", "<div class=\"a\">text</div>", "SELECT * FROM t WHERE a >= 10 AND b != 'c';", "{\"key\": [1, 2, {\"nested\": null}]}",
    "if (a && b || !c) { return -1; }", "#include <stdio.h>\nint main() { return 0; }\n", "    \n\t\n  x", "$E = mc^2$ and \\frac{a}{b}", "| a | b |\n|---|---|\n| 1 | 2 |", "```js\ncode\n```", "// comment\n/* block */",
    "\"\"\"doc\"\"\"", "a->b::c<d>", "print(f\"{x!r:>10}\")",
]  # fmt: skip

MARKERS = [
    "<|user|>\nHello<|end|>\n<|assistant|>\n", "<|system|>You help.<|end|><|user|>hi<|end|>", "<|endoftext|>", "x<|end|>y", "<|end|> <s> </s> <unk> <0x0A>", "<|user|>  two spaces", "<|assistant|>\n\n\nlines", "<|end", "|end|>",
    "<|tool|>{}<|/tool|>", "<|end|><|end|><|end|>", "< |end| >", "▁ ▁▁ a▁b", "null\0byte \u0085 \u2028", "\ufeffbyte order mark", "\x01\x02\x1f\x7f",
]  # fmt: skip

TEXTS = [*PROSE, *SCRIPTS, *CODE, *MARKERS]
