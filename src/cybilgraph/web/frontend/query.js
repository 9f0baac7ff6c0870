// Enhance the query page. The plain form does the same without scripts, only with page loads.

import { describe, labelling } from "./columns.js";
import { count, h, tabList } from "./dom.js";
import { edit } from "./editor.js";
import { format } from "./sparql.js";
import { table } from "./table.js";
import { load } from "./terms.js";
import { workspace } from "./workspace.js";

const form = document.getElementById("query-form");
const field = document.getElementById("query");
const answer = document.getElementById("answer");
const terms = load(form.dataset.terms);
const editor = edit(field, { terms, run, nonce: document.querySelector("script[nonce]").nonce });
const JSON_RESULTS = "application/sparql-results+json, text/turtle;q=0.9, application/problem+json;q=0.5";
/** The longest raw result to show, in characters; the download has all of it. */
const MAX_RAW_CHARS = 200_000;
/** Longer queries are sent by POST. */
const MAX_URL_CHARS = 8_000;
/** The most entities of a result to look up names for. */
const MAX_LABELS = 500;
/** Headings of hints, by reason. */
const TITLES = { empty: "Why the result is empty", slow: "Why the query is slow", partial: "What may be missing from the result" };

let running = null;
let sentQuery = null;

document.documentElement.classList.add("scripted");
// The page without scripts shows errors above the form.
if (form.compareDocumentPosition(answer) & Node.DOCUMENT_POSITION_PRECEDING) form.after(answer);
const cancel = h("button", { type: "button", class: "quiet", hidden: true, onclick: () => running?.abort() }, "Stop");
const state = h("span", { id: "state", role: "status" });
const tidy = h("button", { type: "button", class: "quiet", onclick: () => { editor.text = format(editor.text); } }, "Format query");
form.querySelector("[name=explain]").after(" ", tidy, " ", cancel, " ", state);
const given = form.dataset.answered || form.dataset.line || new URLSearchParams(location.search).has("query");
const addToHistory = form.dataset.named ? () => {} : workspace({ form, field, answer, editor, given, leave: () => {
  running?.abort();
  state.textContent = "";
  editor.mark(0);
} });

form.addEventListener("submit", (event) => {
  const button = event.submitter;
  if (form.format.value !== "html") return; // the browser downloads the file
  event.preventDefault();
  if (button?.name === "explain") explain();
  else run();
});
window.addEventListener("popstate", () => {
  const query = new URLSearchParams(location.search).get("query");
  if (query === null) location.reload();
  else {
    editor.text = query;
    run();
  }
});
suggestValues();

/** Offer the known names for the parameters of a named query. */
async function suggestValues() {
  const known = await terms;
  for (const input of document.querySelectorAll("input[data-kind]")) {
    const names = known.all.filter((term) => term.kind === input.dataset.kind).map((term) => term.label);
    if (!names.length) continue;
    const list = h("datalist", { id: `${input.id}-names` }, ...names.map((value) => h("option", { value })));
    input.after(list);
    input.setAttribute("list", list.id);
  }
}

function parameters(extra = {}) {
  const sent = new URLSearchParams({ query: editor.text });
  if (form.release?.value) sent.set("release", form.release.value);
  for (const [name, value] of Object.entries(extra)) sent.set(name, value);
  return sent;
}

function send(sent, accept, signal, path = form.action) {
  const headers = { Accept: accept };
  if (String(sent).length > MAX_URL_CHARS) return fetch(path, { method: "POST", headers, body: sent, signal });
  return fetch(`${path}?${sent}`, { headers, signal });
}

/** Run the query in the editor and show its result; ``first`` is true for the result that the page came with. */
async function run(first = false) {
  running?.abort();
  const mine = (running = new AbortController());
  const sent = parameters();
  const began = performance.now();
  answer.setAttribute("aria-busy", "true");
  state.textContent = "Running …";
  cancel.hidden = false;
  try {
    const reply = await send(sent, JSON_RESULTS, mine.signal);
    const type = reply.headers.get("Content-Type") ?? "";
    if (!reply.ok) {
      fail(type.includes("json") ? await reply.json() : { title: reply.statusText, detail: await reply.text() });
      return;
    }
    const result = type.includes("json") ? await reply.json() : { text: await reply.text() };
    const seconds = (performance.now() - began) / 1000;
    editor.mark(0);
    if (first !== true) {
      remember(sent);
      addToHistory(sent.get("query"), result.results?.bindings.length ?? null);
    }
    sentQuery = sent;
    await show(result, reply.headers, first === true);
    state.textContent = `Done in ${seconds < 0.1 ? "less than 0.1" : seconds.toFixed(1)} s`;
  } catch (error) {
    if (error.name === "AbortError") {
      if (mine === running) state.textContent = "Stopped";
    } else {
      fail({ title: "No response", detail: "Could not reach the server.", hint: "Try again in a moment." });
    }
  } finally {
    if (mine === running) {
      running = null;
      cancel.hidden = true;
      answer.removeAttribute("aria-busy");
    }
  }
}

/** Put the query into the page's URL, so that users can share it and go back to it. */
function remember(sent) {
  const url = `${form.action}?${sent}`;
  if (url.length <= MAX_URL_CHARS && url !== location.href) history.pushState(null, "", url);
}

function fail(problem) {
  state.textContent = "";
  const { line, column } = problem;
  editor.mark(line, column, problem.hint ? `${problem.detail} ${problem.hint}` : problem.detail);
  const place = line ? h("p", {}, h("a", { href: "#query-form", onclick: (event) => { event.preventDefault(); editor.go(line, column ?? 1); } }, `Line ${line}, column ${column}`)) : null;
  answer.replaceChildren(
    h("div", { class: "notice", role: "alert" },
      h("h2", {}, problem.detail || problem.title),
      place,
      problem.hint ? h("p", {}, problem.hint) : null,
      problem.advice?.length ? h("ul", {}, ...problem.advice.map((text) => h("li", {}, text))) : null));
}

/** Parse the hints header (RFC 8941): a list of strings, each with a reason and maybe a line. */
function parseHints(header) {
  const unescaped = (text) => text.replace(/\\(["\\])/g, "$1").replace(/\\u([0-9A-F]{4})|\\U([0-9A-F]{8})/g, (_, four, eight) => String.fromCodePoint(parseInt(four ?? eight, 16)));
  return [...(header ?? "").matchAll(/"((?:[^"\\]|\\.)*)";why=(\w+)(?:;line=(\d+))?/g)].map(([, text, why, line]) => ({ text: unescaped(text), why, line: Number(line ?? 0) }));
}

function hintSection(hints) {
  if (!hints.length) return null;
  const words = ({ text, line }) => (line ? [h("a", { href: "#query-form", onclick: (event) => { event.preventDefault(); editor.go(line, 1); } }, `Line ${line}`), `: ${text}`] : [text]);
  return h("section", { class: "advice" }, h("h2", {}, TITLES[hints[0].why]), h("ul", {}, ...hints.map((hint) => h("li", {}, ...words(hint)))));
}

async function explain() {
  const reply = await send(parameters({ explain: "yes", format: "html" }), "text/html");
  const page = new DOMParser().parseFromString(await reply.text(), "text/html");
  const found = page.getElementById("advice");
  if (found) answer.replaceChildren(document.adoptNode(found));
  else run(); // which shows the error
}

async function show(result, headers, first) {
  const known = await terms;
  await learn(known, result);
  const kept = first ? document.getElementById("usage") : null;
  const notes = hintSection(parseHints(headers.get("Cybilgraph-Advice")));
  if (result.head && result.results) answer.replaceChildren(...[notes, tabs(result, known)].filter(Boolean));
  else {
    const text = "boolean" in result ? (result.boolean ? "yes" : "no") : result.text;
    answer.replaceChildren(...[notes, h("h2", {}, "Results"), h("pre", { tabindex: 0 }, text.slice(0, MAX_RAW_CHARS)), raw("boolean" in result)].filter(Boolean));
  }
  const usage = kept ?? (await loadUsage());
  if (usage) answer.append(usage);
  for (const block of answer.querySelectorAll("pre[data-code]")) addCopyButton(block);
}

/** Look up the names of entities in a result that the completion data lack, such as projects. */
async function learn(known, result) {
  const values = (result.results?.bindings ?? []).flatMap((row) => Object.values(row)).filter(({ type, value }) => type === "uri" && known.kind(value) && !known.of(value));
  const iris = [...new Set(values.map(({ value }) => value))].slice(0, MAX_LABELS);
  if (!iris.length) return;
  const query = `SELECT ?thing (MIN(STR(?label)) AS ?name) { VALUES ?thing { ${iris.map((iri) => `<${iri}>`).join(" ")} } ?thing dcterms:title|skos:prefLabel ?label } GROUP BY ?thing`;
  const reply = await send(new URLSearchParams({ query }), "application/sparql-results+json").catch(() => null);
  if (reply?.ok) for (const { thing, name } of (await reply.json()).results.bindings) known.add(thing.value, name.value);
}

/** Load the section on citing the query and running it from code. */
async function loadUsage() {
  const reply = await send(sentQuery, "text/html", undefined, form.dataset.usage);
  if (!reply.ok) return null;
  const page = new DOMParser().parseFromString(await reply.text(), "text/html");
  const found = page.getElementById("usage");
  return found && document.adoptNode(found);
}

function addCopyButton(block) {
  const button = h("button", { type: "button", class: "quiet", "aria-label": `Copy: ${block.dataset.code}`, onclick: async () => {
    await navigator.clipboard.writeText(block.textContent);
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = "Copy"; }, 2_000);
  } }, "Copy");
  block.before(button);
}

/** Create tabs for the table, the charts that fit the columns, and the raw formats; charts have the table below them. */
function tabs(result, known) {
  const names = result.head.vars;
  const rows = result.results.bindings;
  const columns = describe(names, rows, known);
  const stage = h("div", { id: "stage", role: "tabpanel", tabindex: -1 });
  const grid = table(names, columns, rows, known);
  const some = (test) => rows.length > 0 && columns.some(test);
  const kinds = [
    ["table", true],
    ["map", some((c) => c.country)],
    ["chart", some((c) => c.number) || some((c) => c.text || c.thing)],
    ["timeline", some((c) => c.date) && some((c) => c.text || c.thing)],
    ["network", columns.filter((c) => c.thing).length > 1 && rows.length > 0],
    ["raw", true],
  ].filter(([, fits]) => fits).map(([kind]) => kind);
  const titles = kinds.map((kind) => (kind === "raw" ? "Downloads" : kind[0].toUpperCase() + kind.slice(1)));
  const list = tabList("View results as", titles, 0, (place) => choose(kinds[place]), kinds.map((kind) => `tab-${kind}`));
  for (const tab of list.children) tab.setAttribute("aria-controls", "stage");

  async function choose(kind) {
    stage.setAttribute("aria-labelledby", `tab-${kind}`);
    if (kind === "table") stage.replaceChildren(grid);
    else if (kind === "raw") stage.replaceChildren(raw(true));
    else {
      const { chart } = await import("./charts.js");
      stage.replaceChildren(chart(kind, { rows, columns, terms: known, label: labelling(names, known) }), grid);
    }
  }

  choose("table");
  const bar = h("div", { class: "workspace" }, list, h("a", { class: "button", href: downloadUrl(sentQuery, "csv"), download: "results.csv" }, "Download CSV"));
  return h("section", {}, h("h2", { class: "hidden" }, `Results: ${count(rows.length, "row")}`), bar, stage);
}

function downloadUrl(sent, format) {
  const all = new URLSearchParams(sent);
  all.set("format", format);
  return `${form.action}?${all}`;
}

/** List the formats of the result, each to view as text or to download. */
function raw(isTable) {
  const formats = [...form.format.options].map((option) => option.value).filter((name) => name !== "html");
  const fitting = formats.filter((name) => (form.dataset.tables.split(" ").includes(name)) === isTable);
  const text = h("pre", { tabindex: 0, hidden: true, "aria-label": "Results as text" });
  const sent = sentQuery;
  const view = (format) => async () => {
    const all = new URLSearchParams(sent);
    all.set("format", format);
    const whole = await (await send(all, "*/*")).text();
    text.textContent = whole.length > MAX_RAW_CHARS ? `${whole.slice(0, MAX_RAW_CHARS)}\n… (download the file for all ${whole.length.toLocaleString("en")} characters)` : whole;
    text.hidden = false;
  };
  const items = fitting.map((format) => h("li", {}, h("strong", {}, format), " ",
    h("a", { href: downloadUrl(sent, format), download: `results.${format}` }, "download"), " ",
    h("button", { type: "button", class: "quiet", onclick: view(format) }, `Show ${format}`)));
  return h("div", {}, h("ul", { class: "files" }, ...items), text);
}

if (form.dataset.line) editor.mark(Number(form.dataset.line), Number(form.dataset.column), form.dataset.detail);
else if (form.dataset.answered) run(true);
