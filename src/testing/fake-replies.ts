/** Replies of the fake engine: one that shows all of the typography, one that tries to break out, and a long one. */
export const SHOWCASE = `## A small tour

A reply may hold **bold**, *italic*, ~~struck~~ and \`inline code\`, a [link](https://example.org/) and a soft
line break. Maths such as $E = mc^2$ stands in the line, or on its own:

$$\\int_0^1 x^2\\,dx = \\frac{1}{3}$$

It costs $5 here and $10 there, and \\frac is shown as it is.

1. Numbered points
2. that go on
   - and nest
   - quietly

| Backend | Device | Form |
| --- | :---: | ---: |
| WebNN | NPU | int4 |
| WebGPU | GPU | int4 |
| WASM | CPU | int8 |

> A model that fits in a tab is a model that nobody else reads.

\`\`\`ts
export function softmax(logits: Float32Array): Float32Array {
  const max = Math.max(...logits);
  const exps = logits.map((x) => Math.exp(x - max));
  const sum = exps.reduce((a, b) => a + b, 0);
  return exps.map((x) => x / sum);
}
\`\`\`

That is all. Ask for more.`;

export const HOSTILE = `Hello <script>window.__xss = 1</script> and <img src=x onerror="window.__xss = 1">.

![pixel](https://example.com/pixel.png) [click](javascript:window.__xss=1) <a href="data:text/html,x">data</a>

<iframe src="https://example.com"></iframe><svg onload="window.__xss=1"></svg> Use the <div> element.`;

export const SHORT = 'Of course. Here is a short answer, given a few words at a time, so that the stream can be seen.';

export const LONG = Array.from(
  { length: 60 },
  (_, i) => `Paragraph ${i + 1} of a long reply. It says nothing new, but it says it at some length, as models do.`,
).join('\n\n');

export const REASONED = `<think>
The person asks for a reason. There are **two** ways to see it.

First this, then that.
</think>

The answer is *forty-two*.`;

/** One code block of 23 KB that streams in 300 pieces. */
export const GROWING = [
  '```html',
  ...Array.from(
    { length: 300 },
    (_, i) => `<li class="item i${i}" data-at="${i}"><a href="#${i}">Entry ${i} &lt; 300</a></li>`,
  ),
  '```',
].join('\n');

/** A thought that was cut off before an answer. */
export const UNANSWERED = '<think>\nThe person asks a lot. I am still thinking about it';

/** As a reply that is held to a schema. */
export const JSON_ANSWER =
  '[{"title": "Ran", "year": 1985}, {"title": "=Ikiru", "year": 1952, "tags": ["drama", null]}]';

/** It cites passages: the first, one that nobody gave it, and one in code. */
export const CITING = 'The archive says so [1]. Some say otherwise [99]; `list[1]` is code.';
