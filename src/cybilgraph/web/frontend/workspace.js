// Tabs of the query editor, and the history of the queries that were run. Both stay in this browser.

import { count, h, tabList } from "./dom.js";

const KEY = "cybilgraph.queries";
const MAX_TABS = 12;
const MAX_HISTORY = 50;
const MAX_NAME_CHARS = 24;
/** Longer queries are not stored. */
const MAX_STORED_CHARS = 20_000;

/** Add tabs above the editor and the history below it.

    ``given`` is whether the page came with a query, which gets a tab of its own. ``leave`` is called before the editor
    shows another query. Return a function that adds a query that was run, with its number of rows, to the history. */
export function workspace({ form, field, answer, editor, given, leave }) {
  const kept = load();
  const start = field.defaultValue;
  const tabs = kept.tabs.map((text) => ({ text, answer: [] }));
  let active = Math.min(kept.active, tabs.length - 1);
  const bar = h("div", { class: "workspace" });
  const past = h("details", { class: "more" });
  form.before(bar);
  form.after(past);

  function save() {
    const texts = tabs.map(({ text }) => (text.length > MAX_STORED_CHARS ? "" : text));
    try {
      localStorage.setItem(KEY, JSON.stringify({ tabs: texts, active, history: kept.history }));
    } catch {
      // Without storage, tabs and history last as long as the page.
    }
  }

  function open(text) {
    const same = tabs.findIndex((tab) => tab.text === text);
    if (same >= 0) show(same);
    else if (tabs.length < MAX_TABS) show(tabs.push({ text, answer: [] }) - 1);
    else editor.text = text;
  }

  function show(place) {
    leave();
    if (tabs[active]) tabs[active].answer = [...answer.childNodes];
    active = place;
    const { text, answer: nodes } = tabs[active];
    answer.replaceChildren(...nodes);
    if (editor.text !== text) editor.text = text;
    draw();
  }

  function close() {
    tabs.splice(active, 1);
    if (!tabs.length) tabs.push({ text: start, answer: [] });
    const next = Math.max(active - 1, 0);
    active = -1; // its results are gone
    show(next);
  }

  function draw() {
    const button = (words, act) => h("button", { type: "button", class: "quiet", onclick: act }, words);
    const names = tabs.map(({ text }, place) => nameOf(text) || `Query ${place + 1}`);
    bar.replaceChildren(tabList("Queries", names, active, show), ...(tabs.length < MAX_TABS ? [button("New tab", () => open(""))] : []), ...(tabs.length > 1 ? [button("Close tab", close)] : []));
    const items = kept.history.map(({ text, time, rows }) => h("li", {}, h("button", { type: "button", class: "quiet", onclick: () => open(text) }, nameOf(text) || text.slice(0, MAX_NAME_CHARS * 3)),
      h("span", { class: "small" }, ` ${new Date(time).toLocaleString("en-GB", { dateStyle: "medium", timeStyle: "short" })}${rows === null ? "" : `, ${count(rows, "row")}`}`)));
    past.replaceChildren(h("summary", {}, `History (${kept.history.length})`), h("ul", { class: "files" }, ...items),
      h("p", { class: "small" }, "The history and the tabs are stored only in this browser. ", button("Clear history", () => { kept.history = []; draw(); })));
    save();
  }

  field.addEventListener("input", () => {
    tabs[active].text = editor.text;
    save();
  });
  const text = given || !tabs.length ? editor.text : tabs[active].text;
  if (given || !tabs.length) {
    const same = tabs.findIndex((tab) => tab.text === text);
    active = same < 0 ? tabs.push({ text, answer: [] }) - 1 : same;
    if (tabs.length > MAX_TABS) active -= tabs.splice(0, 1).length;
  }
  if (editor.text !== text) editor.text = text;
  draw();

  return (query, rows) => {
    kept.history = [{ text: query, time: Date.now(), rows }, ...kept.history.filter(({ text: other }) => other !== query)].filter(({ text: one }) => one.length <= MAX_STORED_CHARS).slice(0, MAX_HISTORY);
    draw();
  };
}

function load() {
  try {
    const { tabs, active, history } = JSON.parse(localStorage.getItem(KEY));
    return { tabs, active, history };
  } catch {
    return { tabs: [], active: 0, history: [] };
  }
}

/** Return the comment that a query begins with, as its name. */
function nameOf(text) {
  const name = /^\s*#+ *(?:title: *)?([^\n]+)/.exec(text)?.[1].trim() ?? "";
  return name.length > MAX_NAME_CHARS ? `${name.slice(0, MAX_NAME_CHARS - 1)}…` : name;
}
