// Draw query results as charts (SVG, by d3). Loaded with the first chart.

import { max, min, rollup } from "d3-array";
import { axisBottom, axisLeft } from "d3-axis";
import { geoEqualEarth, geoPath } from "d3-geo";
import { scaleBand, scaleLinear, scaleQuantile, scaleSqrt } from "d3-scale";
import { create, select } from "d3-selection";
import { feature } from "topojson-client";
import shapes from "world-atlas/countries-50m.json";
import { moment } from "./columns.js";
import { count, h, save } from "./dom.js";
import { layOut } from "./layout.js";

const WIDTH = 960;
const MOST_BARS = 40;
const MOST_ROWS = 60;
const MOST_NODES = 120;
const SHADES_USED = [1, 2, 3, 4, 5];

/** Column names of labels that people read, rather than codes. */
const NAMES = /title|name|label/i;

/** The kinds of chart: the columns that each role can use, the function that draws it, and what a mark stands for. */
const CHARTS = {
  map: {
    mark: ({ country }, { label }) => (row) => label(row, country),
    roles: (columns) => ({ country: columns.filter((c) => c.country), value: columns.filter((c) => c.number) }),
    optional: ["value"],
    draw: drawMap,
  },
  chart: {
    mark: ({ label: column }, { label }) => (row) => label(row, column),
    roles: (columns, rows) => {
      const texts = columns.filter((c) => c.text);
      const named = [...texts.filter((c) => NAMES.test(c.name)), ...columns.filter((c) => c.thing), ...texts.filter((c) => !NAMES.test(c.name))];
      const labels = [...columns.filter((c) => c.date), ...named];
      // A column that names each row only once comes first, since no other can have a value per label.
      const isUnique = (c) => !firstRepeated(rows.map((row) => row[c.name]?.value));
      return { label: [...labels.filter(isUnique), ...labels.filter((c) => !isUnique(c))], value: columns.filter((c) => c.number) };
    },
    optional: ["value"],
    draw: drawChart,
  },
  timeline: {
    roles: (columns) => {
      const dates = columns.filter((c) => c.date);
      const titles = columns.filter((c) => NAMES.test(c.name) && c.text);
      const others = columns.filter((c) => (c.text || c.thing) && !titles.includes(c));
      // The column with the most distinct values labels bars best; titles win ties.
      return { label: [...titles, ...others].sort((a, b) => b.distinct - a.distinct), start: dates, end: dates.slice(1) };
    },
    optional: ["end"],
    draw: drawTimeline,
  },
  network: {
    mark: ({ from, to }, { label }) => (row) => (row[from] && row[to] ? `${label(row, from)} – ${label(row, to)}` : ""),
    roles: (columns) => {
      const things = columns.filter((c) => c.thing);
      const ends = things.length > 1 ? things : columns.filter((c) => c.thing || c.text);
      return { from: ends, to: ends.slice(1), strength: columns.filter((c) => c.number) };
    },
    optional: ["strength"],
    draw: drawNetwork,
  },
};

/** Create a chart with controls for its columns; ``result`` has rows, columns, terms and a function that labels cells. */
export function chart(kind, result) {
  const { roles, optional, draw, mark } = CHARTS[kind];
  const choices = roles(result.columns, result.rows);
  const chosen = Object.fromEntries(Object.entries(choices).map(([role, found]) => [role, found[0]?.name ?? ""]));
  const figure = h("figure", { class: "picture" });
  const redraw = async () => {
    const column = chosen.value || chosen.strength;
    const repeated = column && firstRepeated(result.rows.map(mark(chosen, result)));
    if (repeated) {
      figure.replaceChildren(h("p", { class: "notice" },
        `Not drawn: “${repeated}” has several rows, and the sum of their values in ${column} could count the same thing more than once. The table below shows each row.`));
      return;
    }
    const { svg, caption } = await draw(chosen, result);
    const node = svg.node();
    node.setAttribute("role", "group"); // the role img would hide the links
    node.setAttribute("aria-label", `${caption} See the table below for the figures.`);
    const name = `cybilgraph-${kind}.svg`;
    figure.replaceChildren(
      h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": kind[0].toUpperCase() + kind.slice(1) }, node),
      h("figcaption", {}, caption, " ", h("button", { type: "button", class: "quiet", onclick: () => save(standalone(node), "image/svg+xml", name) }, "Download SVG")),
    );
  };
  const controls = Object.entries(choices).map(([role, found]) => {
    const none = optional.includes(role) ? [h("option", { value: "" }, role === "value" || role === "strength" ? "number of rows" : "none")] : [];
    const options = found.map(({ name }) => h("option", { value: name, selected: name === chosen[role] }, name));
    const choose = h("select", { onchange: (event) => { chosen[role] = event.target.value; redraw(); } }, ...options, ...none);
    return h("label", {}, `${role[0].toUpperCase()}${role.slice(1)} `, choose);
  });
  redraw();
  return h("div", {}, h("p", { class: "choices" }, ...controls), figure);
}

/** Return the first label that occurs again, if any. */
function firstRepeated(labels) {
  const seen = new Set();
  return labels.find((label) => label && (seen.has(label) || !seen.add(label)));
}

/** Map each key to its value in a column, which it has in one row only, or without a column to its number of rows. */
function grouped(rows, key, value) {
  const groups = rollup(rows, (group) => (value ? Number(group[0][value]?.value ?? 0) : group.length), key);
  groups.delete("");
  return groups;
}

const amount = (number) => number.toLocaleString("en", { maximumFractionDigits: 2 });
const cut = (text, most) => (text.length > most ? `${text.slice(0, most - 1)}…` : text);

function drawing(height) {
  return create("svg:svg").attr("viewBox", `0 0 ${WIDTH} ${height}`).attr("width", WIDTH).attr("height", height).attr("class", "drawing");
}

function linked(parent, href) {
  return href ? parent.append("a").attr("href", href).attr("tabindex", -1) : parent;
}

function drawChart({ label, value }, { rows, columns, label: cellLabel }) {
  const groups = grouped(rows, (row) => cellLabel(row, label), value);
  const dated = columns.find((column) => column.name === label)?.date;
  const what = value || "rows";
  if (dated) {
    const bars = [...groups].sort(([a], [b]) => moment(a) - moment(b)).slice(-MOST_ROWS * 2);
    const height = 360;
    const svg = drawing(height);
    const x = scaleBand(bars.map(([name]) => name), [50, WIDTH - 10]).padding(0.15);
    const y = scaleLinear([0, max(bars, ([, n]) => n) || 1], [height - 40, 12]).nice();
    const every = Math.ceil(bars.length / 20);
    svg.append("g").attr("class", "axis").attr("transform", `translate(0,${height - 40})`).call(axisBottom(x).tickValues(x.domain().filter((_, place) => place % every === 0)).tickSizeOuter(0));
    svg.append("g").attr("class", "axis").attr("transform", "translate(50,0)").call(axisLeft(y).ticks(6));
    for (const [name, n] of bars) {
      svg.append("rect").attr("class", "bar-mark").attr("x", x(name)).attr("width", x.bandwidth()).attr("y", y(n)).attr("height", y(0) - y(n)).append("title").text(`${name}: ${amount(n)}`);
    }
    return { svg, caption: `${what} by ${label}.` };
  }
  const all = [...groups].sort((a, b) => b[1] - a[1]);
  const bars = all.slice(0, MOST_BARS);
  const line = 24;
  const left = Math.min(Math.max(...bars.map(([name]) => cut(name, 44).length)) * 7.2 + 16, 330);
  const svg = drawing(bars.length * line + 16);
  const x = scaleLinear([Math.min(0, ...bars.map(([, n]) => n)), max(bars, ([, n]) => n) || 1], [left, WIDTH - 70]);
  bars.forEach(([name, n], place) => {
    const row = svg.append("g").attr("transform", `translate(0,${place * line + 8})`);
    row.append("title").text(`${name}: ${amount(n)}`);
    row.append("text").attr("x", left - 8).attr("y", line / 2 - 2).attr("dy", "0.35em").attr("text-anchor", "end").text(cut(name, 44));
    row.append("rect").attr("class", "bar-mark").attr("x", Math.min(x(0), x(n))).attr("width", Math.max(Math.abs(x(n) - x(0)), 1)).attr("height", line - 6);
    row.append("text").attr("class", "soft").attr("x", Math.max(x(n), x(0)) + 6).attr("y", line / 2 - 2).attr("dy", "0.35em").text(amount(n));
  });
  const more = all.length > bars.length ? ` Showing the ${bars.length} largest of ${all.length.toLocaleString("en")}.` : "";
  return { svg, caption: `${what} by ${label}.${more}` };
}

let world;
async function countries() {
  world ??= fetch(new URL(shapes, import.meta.url)).then((response) => response.json()).then((atlas) => feature(atlas, atlas.objects.countries).features);
  return world;
}

async function drawMap({ country, value }, { rows, terms }) {
  const found = grouped(rows, (row) => row[country]?.value ?? "", value);
  const byNumber = new Map([...found].map(([iri, n]) => [terms.of(iri)?.m49, [iri, n]]).filter(([number]) => number));
  const height = 470;
  const land = (await countries()).filter((shape) => shape.id !== "010"); // Antarctica would take too much space
  const path = geoPath(geoEqualEarth().fitExtent([[4, 4], [WIDTH - 4, height - 34]], { type: "FeatureCollection", features: land }));
  const least = min(found.values()) ?? 0;
  const most = max(found.values()) ?? 0;
  const shade = scaleQuantile([...found.values()], SHADES_USED);
  const svg = drawing(height);
  const small = [];
  let drawn = 0;
  for (const shape of land) {
    const [iri, n] = byNumber.get(shape.id) ?? ["", 0];
    const parent = linked(svg, iri && terms.href(iri));
    parent.append("path").attr("d", path(shape)).attr("class", iri ? `land shade-${shade(n)}` : "land")
      .append("title").text(iri ? `${terms.label(iri)}: ${amount(n)}` : `${shape.properties.name}: none`);
    if (iri) {
      drawn += 1;
      if (path.area(shape) < 30) small.push([shape, iri, n]);
    }
  }
  for (const [shape, iri, n] of small) { // dots for countries too small to see
    const [x, y] = path.centroid(shape);
    linked(svg, terms.href(iri)).append("circle").attr("cx", x).attr("cy", y).attr("r", 5).attr("class", `land shade-${shade(n)}`).append("title").text(`${terms.label(iri)}: ${amount(n)}`);
  }
  const legend = svg.append("g").attr("transform", `translate(8,${height - 20})`);
  const used = [...new Set([...found.values()].map(shade))].sort();
  used.forEach((number, place) => legend.append("rect").attr("class", `land shade-${number}`).attr("x", 60 + place * 26).attr("width", 26).attr("height", 12));
  if (used.length > 1) legend.append("text").attr("x", 52).attr("y", 10).attr("text-anchor", "end").text(amount(least));
  legend.append("text").attr("x", 66 + used.length * 26).attr("y", 10).text(`${amount(most)} ${value || "rows"}`);
  const missing = found.size - drawn; // countries without an M49 code, or without a shape
  return { svg, caption: `${value || "Rows"} by ${country}: ${count(drawn, "country", "countries")}${missing ? `; ${missing} more in the table cannot be shown on the map` : ""}.` };
}

function drawTimeline({ label, start, end }, { rows, label: cellLabel }) {
  const spans = new Map();
  for (const row of rows) {
    const from = moment(row[start]?.value ?? "");
    if (!Number.isFinite(from)) continue;
    const until = end && row[end] ? moment(row[end].value, true) : NaN;
    const name = cellLabel(row, label) || "?";
    spans.set(`${name}\n${from}\n${until}`, { name, from, until, words: [row[start].value, end && row[end]?.value].filter(Boolean).join(" – ") });
  }
  const all = [...spans.values()].sort((a, b) => a.from - b.from || a.name.localeCompare(b.name));
  const bars = all.slice(0, MOST_ROWS);
  const line = 24;
  const left = Math.min(Math.max(0, ...bars.map(({ name }) => cut(name, 42).length)) * 7.4 + 16, 340);
  const height = bars.length * line + 44;
  const svg = drawing(height);
  const ends = bars.flatMap(({ from, until }) => [from, Number.isFinite(until) ? until : from]);
  const x = scaleLinear([Math.floor(Math.min(...ends)), Math.ceil(Math.max(...ends) + 0.01)], [left, WIDTH - 16]);
  const axis = axisBottom(x).tickFormat((year) => (Number.isInteger(year) ? String(year) : "")).tickSize(-(height - 36)).tickSizeOuter(0);
  svg.append("g").attr("class", "axis grid").attr("transform", `translate(0,${height - 28})`).call(axis);
  bars.forEach(({ name, from, until, words }, place) => {
    const row = svg.append("g").attr("transform", `translate(0,${place * line + 8})`);
    row.append("title").text(`${name}: ${words}`);
    row.append("text").attr("x", left - 10).attr("y", line / 2 - 2).attr("dy", "0.35em").attr("text-anchor", "end").text(cut(name, 42));
    if (Number.isFinite(until)) row.append("rect").attr("class", "bar-mark").attr("x", x(from)).attr("width", Math.max(x(until) - x(from), 3)).attr("height", line - 8).attr("rx", 3);
    else row.append("circle").attr("class", "bar-mark").attr("cx", x(from)).attr("cy", (line - 8) / 2).attr("r", 5);
  });
  const more = all.length > bars.length ? ` Showing the first ${bars.length} of ${all.length.toLocaleString("en")}.` : "";
  return { svg, caption: `${start}${end ? ` to ${end}` : ""}, by ${label}. Dots mark entries without an end date.${more}` };
}

function drawNetwork({ from, to, strength }, { rows, terms, label }) {
  const ties = new Map();
  const names = new Map();
  for (const row of rows) {
    if (!row[from] || !row[to] || row[from].value === row[to].value) continue;
    const pair = [row[from].value, row[to].value];
    names.set(pair[0], label(row, from)).set(pair[1], label(row, to));
    const tie = ties.get(pair.join("\n")) ?? { source: pair[0], target: pair[1], weight: 0 };
    tie.weight += strength ? Number(row[strength]?.value ?? 0) : 1;
    ties.set(pair.join("\n"), tie);
  }
  const weights = new Map();
  for (const { source, target } of ties.values()) {
    for (const end of [source, target]) weights.set(end, (weights.get(end) ?? 0) + 1);
  }
  const kept = new Set([...weights].sort((a, b) => b[1] - a[1]).slice(0, MOST_NODES).map(([id]) => id));
  const nodes = [...kept].map((id) => ({ id, weight: weights.get(id) }));
  const links = [...ties.values()].filter(({ source, target }) => kept.has(source) && kept.has(target));
  const height = Math.min(420 + 8 * nodes.length, 1000);
  const radius = scaleSqrt([0, max(nodes, (node) => node.weight) || 1], [3, 18]);
  const spots = layOut(nodes, links, { width: WIDTH, height, radius: (node) => radius(node.weight), label: (node) => cut(names.get(node.id), 34) });
  const svg = drawing(height);
  const width = scaleLinear([0, Math.max(max(links, (link) => link.weight) ?? 0, 4)], [1, 6]);
  for (const { source, target, weight } of links) {
    svg.append("line").attr("class", "tie").attr("x1", source.x).attr("y1", source.y).attr("x2", target.x).attr("y2", target.y).attr("stroke-width", width(weight))
      .append("title").text(`${names.get(source.id)} – ${names.get(target.id)}: ${amount(weight)}`);
  }
  const sources = new Set(links.map(({ source }) => source.id));
  nodes.forEach((node) => {
    const parent = linked(svg, terms.href(node.id)).append("g").attr("transform", `translate(${node.x},${node.y})`);
    parent.append("title").text(`${names.get(node.id)}: ${count(node.weight, "link")}`);
    parent.append("circle").attr("class", sources.has(node.id) ? "node from" : "node to").attr("r", radius(node.weight));
  });
  for (const [node, { x, y, anchor }] of spots) { // drawn last, on top of the nodes
    svg.append("text").attr("x", x).attr("y", y).attr("text-anchor", anchor).attr("class", "name").text(cut(names.get(node.id), 34));
  }
  const more = weights.size > nodes.length ? ` Showing the ${nodes.length} most connected of ${weights.size.toLocaleString("en")} nodes.` : "";
  return { svg, caption: `From ${from} (filled) to ${to} (ring): ${count(links.length, "link")} between ${count(nodes.length, "node")}.${more}${spots.size < nodes.length ? " Some labels are hidden to avoid overlaps; hover over a node to see its name." : ""}` };
}

/** Serialise the SVG as a standalone file, with the computed styles as attributes. */
function standalone(node) {
  const copy = node.cloneNode(true);
  const ours = node.querySelectorAll("*");
  const theirs = copy.querySelectorAll("*");
  ours.forEach((element, place) => {
    const style = getComputedStyle(element);
    for (const name of ["fill", "stroke", "stroke-width", "paint-order", "font-size", "opacity"]) theirs[place].setAttribute(name, style.getPropertyValue(name));
  });
  for (const link of copy.querySelectorAll("a")) link.setAttribute("href", new URL(link.getAttribute("href"), location.href).href);
  select(copy).attr("xmlns", "http://www.w3.org/2000/svg").attr("font-family", "Source Sans 3, system-ui, sans-serif").attr("color", getComputedStyle(node).color);
  select(copy).insert("rect", ":first-child").attr("width", "100%").attr("height", "100%").attr("fill", getComputedStyle(document.body).backgroundColor);
  return new XMLSerializer().serializeToString(copy);
}
