/**
 * The one stylesheet. Its colors are custom properties, so that an operator's colors.css, which comes after it, changes
 * them with a few lines; each pair of text and ground has a contrast of 4.5 to 1 or more (WCAG 2.2 §1.4.3).
 */
export const STYLE = `:root {
  color-scheme: light dark;
  --ground: #fbfaf7;
  --raised: #ffffff;
  --ink: #23211d;
  --soft: #625d54;
  --line: #e4dfd5;
  --edge: #8f887b;
  --accent: #17695f;
  --on-accent: #ffffff;
  --wash: #eaf2ef;
  --wrong: #a32f22;
  --wrong-wash: #fbeeeb;
  --serif: "Iowan Old Style", "Palatino Linotype", Palatino, "Book Antiqua", "Noto Serif", "DejaVu Serif", Georgia, serif;
  --sans: system-ui, -apple-system, "Segoe UI", "Noto Sans", "DejaVu Sans", "Helvetica Neue", sans-serif;
  --mono: ui-monospace, "SF Mono", Menlo, Consolas, "Noto Sans Mono", "DejaVu Sans Mono", monospace;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #161715;
    --raised: #1e201d;
    --ink: #e8e5dd;
    --soft: #a8a398;
    --line: #32342f;
    --edge: #77756c;
    --accent: #84cfc0;
    --on-accent: #10201d;
    --wash: #1d2926;
    --wrong: #f2a094;
    --wrong-wash: #33201d;
  }
}
*, *::before, *::after { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; text-size-adjust: 100%; }
body {
  margin: 0 auto;
  padding: 0 1.25rem;
  max-width: 44rem;
  min-height: 100vh;
  display: flex;
  flex-direction: column;
  background: var(--ground);
  color: var(--ink);
  font: 1.0625rem/1.65 var(--sans);
  overflow-wrap: break-word;
}
a { color: var(--accent); text-decoration-thickness: 1px; text-underline-offset: .2em; }
a:hover { text-decoration-thickness: 2px; }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 3px; border-radius: 3px; }
.skip { position: absolute; left: -100vw; top: .5rem; padding: .5rem .9rem; background: var(--raised); z-index: 1; }
.skip:focus { left: 1rem; }
.top {
  display: flex;
  flex-wrap: wrap;
  align-items: baseline;
  justify-content: space-between;
  gap: .5rem 2rem;
  padding: 1.75rem 0 1.25rem;
  border-bottom: 1px solid var(--line);
}
.mark { display: inline-flex; align-items: baseline; gap: .55rem; color: var(--ink); text-decoration: none; }
.mark .quiet { font: italic 700 1.5rem/1 var(--serif); color: var(--accent); }
.mark .name { font-weight: 600; letter-spacing: -.005em; }
nav ul { display: flex; flex-wrap: wrap; gap: .25rem 1.35rem; margin: 0; padding: 0; list-style: none; font-size: .9375rem; }
nav a { display: inline-block; padding: .3rem 0; color: var(--soft); text-decoration: none; border-bottom: 2px solid transparent; }
nav a:hover { color: var(--ink); }
nav a[aria-current] { color: var(--ink); border-bottom-color: var(--accent); }
main { flex: 1; padding: 3.25rem 0 2rem; }
h1, h2, h3 { font-family: var(--serif); font-weight: 600; line-height: 1.2; text-wrap: balance; }
h1 { margin: 0 0 1rem; font-size: clamp(2rem, 1.4rem + 2.6vw, 2.75rem); letter-spacing: -.015em; }
h2 { margin: 3.25rem 0 .9rem; font-size: 1.5rem; letter-spacing: -.005em; }
h3 { margin: 2rem 0 .4rem; font-size: 1.125rem; }
p { margin: 0 0 1rem; text-wrap: pretty; }
.lead { margin-bottom: 1.75rem; font: 1.25rem/1.55 var(--serif); color: var(--soft); }
.hint, .small { font-size: .9375rem; color: var(--soft); }
ul, ol { margin: 0 0 1rem; padding-left: 1.2em; }
li { margin: .35rem 0; }
li::marker { color: var(--accent); }
hr { border: 0; border-top: 1px solid var(--line); margin: 2.5rem 0; }
blockquote { margin: 0 0 1rem; padding-left: 1rem; border-left: 2px solid var(--accent); color: var(--soft); }
code, .code { font-family: var(--mono); font-size: .9em; overflow-wrap: anywhere; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; padding: 1rem; border: 1px solid var(--line); border-radius: .5rem; background: var(--raised); }
.address { display: block; padding: .75rem 1rem; border: 1px solid var(--line); border-radius: .5rem; background: var(--raised); font: .9375rem/1.6 var(--mono); overflow-wrap: anywhere; user-select: all; }
.print { font: .84rem/1.7 var(--mono); overflow-wrap: normal; }
dl { margin: 0 0 1rem; }
.facts > div { display: grid; grid-template-columns: 11rem 1fr; gap: .15rem 1.5rem; padding: .9rem 0; border-top: 1px solid var(--line); }
.facts > div:last-child { border-bottom: 1px solid var(--line); }
.facts dt { font-weight: 600; }
.facts dd { margin: 0; min-width: 0; }
.facts dd > :last-child { margin-bottom: 0; }
.pair { display: grid; grid-template-columns: 1fr 1fr; gap: 0 2.5rem; }
.with-code { display: flex; flex-wrap: wrap; align-items: flex-start; gap: 1.25rem 1.75rem; }
.with-code > div { flex: 1 1 16rem; min-width: 0; }
.qr { display: block; width: 10.5rem; height: 10.5rem; padding: .5rem; border: 1px solid var(--line); border-radius: .5rem; background: #fff; image-rendering: pixelated; }
.actions { display: flex; flex-wrap: wrap; align-items: center; gap: .9rem 1.5rem; margin: 1.75rem 0; }
button, .button {
  display: inline-block;
  min-height: 2.875rem;
  padding: .65rem 1.5rem;
  border: 1px solid var(--accent);
  border-radius: .5rem;
  background: var(--accent);
  color: var(--on-accent);
  font: 600 1rem/1.4 var(--sans);
  text-align: center;
  text-decoration: none;
  cursor: pointer;
}
button:hover, .button:hover { filter: brightness(1.08); }
.button.second { background: transparent; color: var(--accent); }
form { margin: 1.75rem 0; max-width: 30rem; }
.field { margin: 0 0 1.5rem; }
label, legend { display: block; margin: 0 0 .35rem; font-weight: 600; }
input {
  display: block;
  width: 100%;
  min-height: 2.875rem;
  padding: .55rem .8rem;
  border: 1px solid var(--edge);
  border-radius: .5rem;
  background: var(--raised);
  color: var(--ink);
  font: 1rem/1.5 var(--sans);
}
input:focus-visible { outline-offset: 1px; }
input[aria-invalid] { border-color: var(--wrong); border-width: 2px; }
.joined { display: flex; align-items: center; gap: .6rem; }
.joined input { flex: 1 1 8rem; min-width: 0; }
.suffix { flex: 0 1 auto; min-width: 0; color: var(--soft); overflow-wrap: anywhere; }
.hint { margin: .4rem 0 0; }
.error { margin: 0 0 .4rem; color: var(--wrong); font-size: .9375rem; font-weight: 600; }
.alert { padding: .8rem 1rem; border-left: 3px solid var(--wrong); border-radius: .25rem; background: var(--wrong-wash); color: var(--wrong); font-weight: 600; }
.note { margin: 1.5rem 0; padding: 1rem 1.2rem; border-radius: .5rem; background: var(--wash); }
.note > :last-child { margin-bottom: 0; }
details { border-top: 1px solid var(--line); }
.clients { margin: 0 0 1.25rem; border-bottom: 1px solid var(--line); }
summary { display: flex; align-items: baseline; gap: .9rem; padding: .8rem 0; cursor: pointer; list-style: none; }
summary::-webkit-details-marker { display: none; }
summary::before { content: ""; flex: none; width: .45rem; height: .45rem; border: solid var(--accent); border-width: 0 2px 2px 0; transform: rotate(-45deg); transition: transform .12s; }
details[open] > summary::before { transform: rotate(45deg); }
.client { margin-right: .5rem; font-weight: 600; }
.systems { color: var(--soft); font-size: .9375rem; }
.inside { padding: 0 0 .6rem 1.35rem; }
fieldset { min-width: 0; }
.challenge legend { padding: 0 .4rem; margin-left: -.4rem; }
.challenge { margin: 0 0 1.5rem; padding: 1.1rem 1.2rem 1.2rem; border: 1px solid var(--line); border-radius: .5rem; background: var(--raised); }
.challenge .field { margin-bottom: 0; }
.challenge img { display: block; max-width: 100%; margin: 0 0 .8rem; border-radius: .3rem; background: #fff; }
.bottom { padding: 1.5rem 0 2.5rem; border-top: 1px solid var(--line); color: var(--soft); font-size: .875rem; }
.bottom p { margin: 0; }
@media (max-width: 36rem) {
  .facts > div, .pair { grid-template-columns: 1fr; }
  .top { padding-top: 1.25rem; }
  main { padding-top: 2.25rem; }
  h2 { margin-top: 2.5rem; }
}
@media (prefers-contrast: more) { :root { --soft: var(--ink); --line: var(--edge); } }
@media print { nav, .skip, .bottom { display: none; } body { max-width: none; } }
`
