// A result table: sortable by any column, a hundred rows per page.

import { count, h } from "./dom.js";
import { root } from "./terms.js";

const PAGE = 100;
const order = new Intl.Collator("en", { numeric: true, sensitivity: "base" });

export function table(names, columns, rows, terms) {
  let sorted = rows;
  let by = "";
  let down = false;
  let page = 0;
  const pages = Math.max(Math.ceil(rows.length / PAGE), 1);
  const body = h("tbody");
  const heads = names.map((name, place) =>
    h("th", { scope: "col", class: columns[place].number ? "number" : undefined, "aria-sort": "none" },
      h("button", { type: "button", class: "sort", title: `?${name}`, onclick: () => sort(name) }, heading(name))));
  const where = h("span", { role: "status" });
  const step = (words, to) => h("button", { type: "button", class: "quiet", onclick: () => turn(to()) }, words);
  const first = step("First", () => 0);
  const back = step("Previous", () => page - 1);
  const next = step("Next", () => page + 1);
  const last = step("Last", () => pages - 1);

  function sort(name) {
    down = by === name && !down;
    by = name;
    const key = (row) => (row[name]?.type === "uri" && nameOf(row[name].value, terms)) || (row[name]?.value ?? "");
    const sign = down ? -1 : 1;
    const number = columns[names.indexOf(name)].number;
    const compare = number ? (a, b) => Number(key(a)) - Number(key(b)) : (a, b) => order.compare(key(a), key(b));
    // Empty cells sort last in either direction.
    sorted = [...rows].sort((a, b) => !key(a) - !key(b) || sign * compare(a, b));
    heads.forEach((head, place) => head.setAttribute("aria-sort", names[place] !== name ? "none" : down ? "descending" : "ascending"));
    turn(0);
  }

  function turn(to) {
    page = Math.min(Math.max(to, 0), pages - 1);
    const shown = sorted.slice(page * PAGE, (page + 1) * PAGE);
    body.replaceChildren(...shown.map((row) => h("tr", {}, ...names.map((name, place) =>
      h("td", { "data-label": heading(name), class: columns[place].number ? "number" : columns[place].date ? "date" : undefined }, cell(row[name], terms))))));
    const from = page * PAGE + 1;
    where.textContent = rows.length > PAGE ? `Rows ${from.toLocaleString("en")} to ${(from + shown.length - 1).toLocaleString("en")} of ${rows.length.toLocaleString("en")}` : count(rows.length, "row");
    first.disabled = back.disabled = page === 0;
    next.disabled = last.disabled = page === pages - 1;
  }

  turn(0);
  const bar = h("p", { class: "paging" }, where, ...(rows.length > PAGE ? [first, back, next, last] : []));
  const grid = h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "Query results" },
    h("table", {}, h("thead", {}, h("tr", {}, ...heads)), body));
  return h("div", { class: "answer-table" }, bar, grid);
}

/** Return the name of a variable in words: countryName → Country name. */
function heading(name) {
  const words = name.replace(/_|(?<=[a-z])(?=[A-Z])/g, " ");
  return words[0].toUpperCase() + words.slice(1).replace(/ [A-Z](?=[a-z])/g, (letters) => letters.toLowerCase());
}

/** The name of an entity of this graph, such as a country; undefined for other IRIs, whose prefixed name says more. */
function nameOf(iri, terms) {
  return terms.kind(iri) ? terms.of(iri)?.label : undefined;
}

/** Render a value: an IRI as a link with its name or its prefixed name, anything else as text. */
export function cell(term, terms) {
  if (!term) return "";
  if (term.type === "uri") {
    const href = terms.href(term.value);
    const label = nameOf(term.value, terms);
    const name = label ? h("span", { title: term.value }, label) : h("code", { title: term.value }, terms.short(term.value));
    const ours = href.startsWith(`${root()}/`);
    return href ? h("a", ours ? { href } : { href, rel: "noreferrer" }, name) : name;
  }
  if (term.type === "triple") return h("code", {}, "<<( … )>>");
  if (term["xml:lang"] && term["xml:lang"] !== "en") {
    return h("span", { lang: term["xml:lang"] }, term.value, h("small", {}, ` ${term["xml:lang"]}`));
  }
  return term.type === "bnode" ? `_:${term.value}` : term.value;
}
