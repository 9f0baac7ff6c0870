// The page to ask on: everything here makes the plain form quicker, nothing is only here.

import { describe, naming } from "./columns.js";
import { count, h } from "./dom.js";
import { edit } from "./editor.js";
import { table } from "./table.js";
import { load } from "./terms.js";

const form = document.getElementById("ask");
const field = document.getElementById("query");
const answer = document.getElementById("answer");
const terms = load(form.dataset.terms);
const editor = edit(field, { terms, run, nonce: document.querySelector("script[nonce]").nonce });
const JSON_RESULTS = "application/sparql-results+json, text/turtle;q=0.9, application/problem+json;q=0.5";
/** So many characters of an answer are shown as they are; the file has all. */
const SHOWN = 200_000;
/** What is longer goes not into an address, but into a body. */
const LONGEST = 8_000;
/** What stands over advice, by what it is about. */
const TITLES = { empty: "Why it is empty", slow: "Why it is slow", partial: "What may be left out" };

let running = null;
let asked = null;

document.documentElement.classList.add("scripted");
// Without scripts, what is wrong stands above the form.
if (form.compareDocumentPosition(answer) & Node.DOCUMENT_POSITION_PRECEDING) form.after(answer);
const cancel = h("button", { type: "button", class: "quiet", hidden: true, onclick: () => running?.abort() }, "Stop");
const state = h("span", { id: "state", role: "status" });
form.querySelector("[name=explain]").after(" ", cancel, " ", state);

form.addEventListener("submit", (event) => {
  const button = event.submitter;
  if (form.format.value !== "html") return; // a file, by the browser
  event.preventDefault();
  if (button?.name === "explain") explain();
  else run();
});
window.addEventListener("popstate", () => location.reload());
propose();

/** The names that a parameter of a named query may have, to choose from. */
async function propose() {
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
  if (String(sent).length > LONGEST) return fetch(path, { method: "POST", headers, body: sent, signal });
  return fetch(`${path}?${sent}`, { headers, signal });
}

/** Run what is in the editor, and show its answer; ``first`` is that of the page as it came. */
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
    if (first !== true) remember(sent);
    asked = sent;
    await show(result, reply.headers, first === true);
    state.textContent = `Done in ${seconds < 0.1 ? "less than 0.1" : seconds.toFixed(1)} s`;
  } catch (error) {
    if (error.name === "AbortError") {
      if (mine === running) state.textContent = "Stopped";
    } else {
      fail({ title: "No answer", detail: "The server could not be reached.", hint: "Try again in a moment." });
    }
  } finally {
    if (mine === running) {
      running = null;
      cancel.hidden = true;
      answer.removeAttribute("aria-busy");
    }
  }
}

/** The address of the page becomes that of the query, to be shared and gone back to. */
function remember(sent) {
  const address = `${form.action}?${sent}`;
  if (address.length <= LONGEST && address !== location.href) history.pushState(null, "", address);
}

function fail(problem) {
  state.textContent = "";
  const { line, column } = problem;
  editor.mark(line, column, problem.hint ? `${problem.detail} ${problem.hint}` : problem.detail);
  const place = line ? h("p", {}, h("a", { href: "#ask", onclick: (event) => { event.preventDefault(); editor.go(line, column ?? 1); } }, `Line ${line}, column ${column}`)) : null;
  answer.replaceChildren(
    h("div", { class: "notice", role: "alert" },
      h("h2", {}, problem.detail || problem.title),
      place,
      problem.hint ? h("p", {}, problem.hint) : null,
      problem.advice?.length ? h("ul", {}, ...problem.advice.map((text) => h("li", {}, text))) : null));
}

/** The advice of the header (RFC 8941): strings, each with why and the line. */
function advice(header) {
  const unescaped = (text) => text.replace(/\\(["\\])/g, "$1").replace(/\\u([0-9A-F]{4})|\\U([0-9A-F]{8})/g, (_, four, eight) => String.fromCodePoint(parseInt(four ?? eight, 16)));
  return [...(header ?? "").matchAll(/"((?:[^"\\]|\\.)*)";why=(\w+)(?:;line=(\d+))?/g)].map(([, text, why, line]) => ({ text: unescaped(text), why, line: Number(line ?? 0) }));
}

function advised(pieces) {
  if (!pieces.length) return null;
  const words = ({ text, line }) => (line ? [h("a", { href: "#ask", onclick: (event) => { event.preventDefault(); editor.go(line, 1); } }, `Line ${line}`), `: ${text}`] : [text]);
  return h("section", { class: "advice" }, h("h2", {}, TITLES[pieces[0].why]), h("ul", {}, ...pieces.map((piece) => h("li", {}, ...words(piece)))));
}

async function explain() {
  const reply = await send(parameters({ explain: "yes", format: "html" }), "text/html");
  const page = new DOMParser().parseFromString(await reply.text(), "text/html");
  const found = page.getElementById("advice");
  if (found) answer.replaceChildren(document.adoptNode(found));
  else run(); // it tells what is wrong
}

async function show(result, headers, first) {
  const known = await terms;
  const kept = first ? document.getElementById("using") : null;
  const notes = advised(advice(headers.get("Cybilgraph-Advice")));
  if (result.head && result.results) answer.replaceChildren(...[notes, tabs(result, known)].filter(Boolean));
  else {
    const text = "boolean" in result ? (result.boolean ? "yes" : "no") : result.text;
    answer.replaceChildren(...[notes, h("h2", {}, "Answer"), h("pre", { tabindex: 0 }, text.slice(0, SHOWN)), raw("boolean" in result)].filter(Boolean));
  }
  const using = kept ?? (await ready());
  if (using) answer.append(using);
  for (const block of answer.querySelectorAll("pre[data-code]")) copyable(block);
}

/** How to cite the answer and to ask it from a program, as the server words it. */
async function ready() {
  const reply = await send(asked, "text/html", undefined, form.dataset.using);
  if (!reply.ok) return null;
  const page = new DOMParser().parseFromString(await reply.text(), "text/html");
  const found = page.getElementById("using");
  return found && document.adoptNode(found);
}

function copyable(block) {
  const button = h("button", { type: "button", class: "quiet", "aria-label": `Copy: ${block.dataset.code}`, onclick: async () => {
    await navigator.clipboard.writeText(block.textContent);
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = "Copy"; }, 2_000);
  } }, "Copy");
  block.before(button);
}

/** Table, pictures and files of an answer, one at a time; the table stands below each picture. */
function tabs(result, known) {
  const names = result.head.vars;
  const rows = result.results.bindings;
  const columns = describe(names, rows, known);
  const list = h("div", { role: "tablist", "aria-label": "Show the answer as" });
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
  const buttons = kinds.map((kind) => h("button", { type: "button", role: "tab", id: `tab-${kind}`, "aria-controls": "stage", onclick: () => choose(kind) }, kind[0].toUpperCase() + kind.slice(1)));
  list.append(...buttons);
  list.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const next = (buttons.indexOf(document.activeElement) + step + kinds.length) % kinds.length;
    choose(kinds[next]);
    buttons[next].focus();
  });

  async function choose(kind) {
    buttons.forEach((button, place) => {
      button.setAttribute("aria-selected", String(kinds[place] === kind));
      button.tabIndex = kinds[place] === kind ? 0 : -1;
    });
    stage.setAttribute("aria-labelledby", `tab-${kind}`);
    if (kind === "table") stage.replaceChildren(grid);
    else if (kind === "raw") stage.replaceChildren(raw(true));
    else {
      const { picture } = await import("./pictures.js");
      stage.replaceChildren(picture(kind, { rows, columns, terms: known, naming: naming(names, known) }), grid);
    }
  }

  choose("table");
  return h("section", {}, h("h2", { class: "unseen" }, `Answer: ${count(rows.length, "row")}`), list, stage);
}

/** The answer in each format: as text to look at, and as a file. */
function raw(isTable) {
  const formats = [...form.format.options].map((option) => option.value).filter((name) => name !== "html");
  const fitting = formats.filter((name) => (form.dataset.tables.split(" ").includes(name)) === isTable);
  const text = h("pre", { tabindex: 0, hidden: true, "aria-label": "The answer as text" });
  const sent = asked;
  const address = (format) => { const all = new URLSearchParams(sent); all.set("format", format); return `${form.action}?${all}`; };
  const look = (format) => async () => {
    const all = new URLSearchParams(sent);
    all.set("format", format);
    const whole = await (await send(all, "*/*")).text();
    text.textContent = whole.length > SHOWN ? `${whole.slice(0, SHOWN)}\n… (the file has all ${whole.length.toLocaleString("en")} characters)` : whole;
    text.hidden = false;
  };
  const items = fitting.map((format) => h("li", {}, h("strong", {}, format), " ",
    h("a", { href: address(format), download: `answer.${format}` }, "download"), " ",
    h("button", { type: "button", class: "quiet", onclick: look(format) }, `Show ${format}`)));
  return h("div", {}, h("ul", { class: "files" }, ...items), text);
}

if (form.dataset.line) editor.mark(Number(form.dataset.line), Number(form.dataset.column), form.dataset.detail);
else if (form.dataset.answered) run(true);
