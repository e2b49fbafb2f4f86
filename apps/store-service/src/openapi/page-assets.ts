/** Style and script of the page at /docs. Both are named by their hash in its Content-Security-Policy. */

export const PAGE_STYLE = `
:root { color-scheme: light dark; --line: #8884; --dim: #777; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 0 auto; padding: 1rem; }
h1 small, small, .type { color: var(--dim); font-weight: normal; }
h2 { margin: 2.5rem 0 0; border-bottom: 2px solid var(--line); }
h4 { margin: 1rem 0 .2rem; }
h5 { margin: .5rem 0 0; }
code, pre { font: .9em/1.4 ui-monospace, monospace; }
pre { background: #8881; padding: .6rem; overflow-x: auto; border-radius: .3rem; }
details.entry { border-bottom: 1px solid var(--line); padding: .35rem 0; }
details.entry[open] { padding-bottom: 1.5rem; }
details.answer { margin-left: 1rem; }
summary { cursor: pointer; }
summary span { color: var(--dim); }
.method { display: inline-block; min-width: 4rem; }
.get { color: #2a7ab0; } .post { color: #2c8a4b; } .put, .patch { color: #a8741a; } .delete { color: #b3403a; }
.good { color: #2c8a4b; } .bad { color: #b3403a; }
dl { margin: .3rem 0; } dl.fields { border-left: 2px solid var(--line); padding-left: .8rem; }
dt { margin-top: .3rem; } dd { margin: 0 0 0 1rem; } dd p { margin: 0; }
input { font: inherit; width: min(100%, 30rem); padding: .3rem .5rem; }
[hidden] { display: none; }
`;

/** Hides what does not hold every word, opens what a link leads to. Without it the page is as readable, only longer. */
export const PAGE_SCRIPT = `
const search = document.getElementById('search');
const found = document.getElementById('found');
const entries = [...document.querySelectorAll('.entry')].map((element) => ({
  element,
  text: element.textContent.toLowerCase(),
}));
function show() {
  const words = search.value.toLowerCase().split(/\\s+/).filter(Boolean);
  let count = 0;
  for (const { element, text } of entries) {
    element.hidden = !words.every((word) => text.includes(word));
    if (!element.hidden) count += 1;
  }
  for (const chapter of document.querySelectorAll('.chapter')) {
    chapter.hidden = !chapter.querySelector('.entry:not([hidden])');
  }
  found.textContent = words.length === 0 ? '' : count + ' found';
}
function openLinked() {
  const linked = location.hash === '' ? null : document.getElementById(location.hash.slice(1));
  if (linked instanceof HTMLDetailsElement) {
    linked.hidden = false;
    linked.open = true;
    linked.scrollIntoView();
  }
}
search.addEventListener('input', show);
addEventListener('hashchange', openLinked);
show();
openLinked();
`;
