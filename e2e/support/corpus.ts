/** Texts that would run a script or fetch something if anything took them for more than text. `__xss` is the sentinel, `leak` marks an address. */
const RUN = 'window.__xss=1';
const LEAK = 'https://leak.example/leak';
/** On the app's own server, where no policy forbids it. */
const NEAR = 'leak/near';

const HTML = [
  `<script>${RUN}</script>`,
  `<script src="${NEAR}.js"></script>`,
  `<script type="module" src=${NEAR}.mjs></script>`,
  `<img src=x onerror="${RUN}">`,
  `<img src="${NEAR}.png">`,
  `<image src=x onerror=${RUN}>`,
  `<picture><source srcset="${LEAK}.png"><img alt=x></picture>`,
  `<video src=${NEAR}.mp4 autoplay onerror=${RUN}></video>`,
  `<audio src=${NEAR}.mp3 autoplay></audio>`,
  `<video poster="${NEAR}.jpg"></video>`,
  `<body onload=${RUN}>`,
  `<div onpointerover="${RUN}" style="position:fixed;inset:0">over</div>`,
  `<p style="background:url(${LEAK})">styled</p>`,
  `<style>@import "${LEAK}.css"; * { background: url(${NEAR}.png) }</style>`,
  `<link rel=stylesheet href="${NEAR}.css">`,
  `<link rel=prefetch href="${LEAK}">`,
  `<meta http-equiv=refresh content="0;url=${LEAK}">`,
  `<base href="${LEAK}/">`,
  `<iframe srcdoc="<script>parent.__xss=1</script>"></iframe>`,
  `<iframe src="javascript:parent.__xss=1"></iframe>`,
  `<iframe src="${NEAR}.html"></iframe>`,
  `<object data="${NEAR}.swf"></object>`,
  `<embed src="${NEAR}.svg">`,
  `<form action="${LEAK}"><button formaction="javascript:${RUN}" autofocus>Go</button></form>`,
  `<input autofocus onfocus=${RUN}>`,
  `<details open ontoggle=${RUN}><summary>more</summary></details>`,
  `<template><script>${RUN}</script></template>`,
  `<noscript><p title="</noscript><img src=x onerror=${RUN}>">`,
  `<a href="jav&#x09;ascript:${RUN}">tab</a>`,
  `<a href="&#106;avascript:${RUN}">entity</a>`,
  `<a href="data:text/html,<script>${RUN}</script>">data</a>`,
  `<x-element onclick=${RUN}>own</x-element>`,
  `<b onclick="${RUN}">allowed tag, with a handler</b>`,
  `<br onload=${RUN} style="background:url(${NEAR}.png)">`,
  `<kbd><img src=x onerror=${RUN}></kbd>`,
  `<!--><img src=x onerror=${RUN}>-->`,
  `<![CDATA[<img src=x onerror=${RUN}>]]>`,
  `<a id=document><a id=document name=body>clobbered</a>`,
  `</article></div><script>${RUN}</script>`,
  `<math><mtext><table><mglyph><style><img src=x onerror=${RUN}></style></mglyph></table></mtext></math>`,
  `<math href="javascript:${RUN}"><mi>click</mi></math>`,
  `<math><maction actiontype="statusline#${LEAK}"><mi>x</mi></maction></math>`,
];

const SVG = [
  `<svg onload=${RUN}></svg>`,
  `<svg><script>${RUN}</script></svg>`,
  `<svg><a xlink:href="javascript:${RUN}"><text y=20>go</text></a></svg>`,
  `<svg><animate onbegin=${RUN} attributeName=x dur=1s></svg>`,
  `<svg><set attributeName=href to="javascript:${RUN}"></svg>`,
  `<svg><image href="${NEAR}.png"/></svg>`,
  `<svg><use href="${NEAR}.svg#x"/></svg>`,
  `<svg><foreignObject><img src=x onerror=${RUN}></foreignObject></svg>`,
  `<svg><style>@import '${LEAK}.css';</style></svg>`,
];

const MARKDOWN = [
  `[run](javascript:${RUN})`,
  `[run](JaVaScRiPt:${RUN})`,
  `[run](\u0001javascript:${RUN})`,
  `[run](javascript&colon;${RUN})`,
  `[run](vbscript:msgbox)`,
  `[run](data:text/html;base64,PHNjcmlwdD53aW5kb3cuX194c3M9MTwvc2NyaXB0Pg==)`,
  `<javascript:${RUN}>`,
  `[reference][r]\n\n[r]: javascript:${RUN}`,
  `[quote](https://example.com/" onmouseover="${RUN})`,
  `[title](https://example.com "x\\" onfocus=${RUN} autofocus=\\"")`,
  `![picture](${NEAR}.png)`,
  `![picture](${LEAK}.png "title")`,
  `![x](x"onerror="${RUN})`,
  `![reference][p]\n\n[p]: ${LEAK}.png`,
  `[![inside](${NEAR}.png)](javascript:${RUN})`,
  `| a | b |\n| - | - |\n| <img src=x onerror=${RUN}> | [x](javascript:${RUN}) |`,
  `> <script>${RUN}</script>`,
  `- [ ] <img src=x onerror=${RUN}>`,
  `# <svg onload=${RUN}>`,
  `footnote[^1]\n\n[^1]: <img src=x onerror=${RUN}>`,
];

const CODE = [
  `\`<img src=x onerror=${RUN}>\``,
  `\`\`\`html\n<script>${RUN}</script>\n<img src="${NEAR}.png" onerror="${RUN}">\n\`\`\``,
  `\`\`\`"><img src=x onerror=${RUN}>\ncode\n\`\`\``,
  `\`\`\`js onload=${RUN}\n'</code></pre><script>${RUN}</script>'\n\`\`\``,
  `\`\`\`svg\n<svg onload=${RUN}>`,
  `    <script>${RUN}</script>`,
];

const MATHS = [
  `$\\href{javascript:${RUN}}{x}$`,
  `$$\\url{javascript:${RUN}}$$`,
  `$\\includegraphics{${NEAR}.png}$`,
  `$\\class{x" onmouseover="${RUN}}{x}$`,
  `$\\style{background:url(${LEAK})}{x}$`,
  `$\\htmlData{x=1}{\\text{<img src=x onerror=${RUN}>}}$`,
  `$$\\text{</math><script>${RUN}</script>}$$`,
  `$$\\def\\a{\\a\\a}\\a$$`,
  `$\\color{red" onclick=${RUN} x="}{x}$`,
];

const THOUGHTS = [`<think><img src=x onerror=${RUN}></think>done`, `<think>[x](javascript:${RUN})`];

/** For what is shown as Markdown. */
export const OUTPUTS: readonly string[] = [...HTML, ...SVG, ...MARKDOWN, ...CODE, ...MATHS, ...THOUGHTS];

/** For names, titles, notes: what is shown as plain text. */
export const NAMES: readonly string[] = [
  `<img src=x onerror="${RUN}">`,
  `"><script>${RUN}</script>`,
  `' onmouseover='${RUN}`,
  `javascript:${RUN}`,
  `<svg onload=${RUN}>`,
  '{{constructor.constructor("window.__xss=1")()}}',
  '${window.__xss=1}',
  `</title><script>${RUN}</script>`,
];
