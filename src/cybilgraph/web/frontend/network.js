// Draw the network explorer. The lists on the page contain the links; the pages that they link to contain more.

import { max } from "d3-array";
import { scaleLinear, scaleSqrt } from "d3-scale";
import { create } from "d3-selection";
import { count, h } from "./dom.js";
import { layOut } from "./layout.js";

const WIDTH = 1200;
const MAX_LABEL_CHARS = 34;
const ORDER = ["funder", "implementer", "country"];
const cut = (text) => (text.length > MAX_LABEL_CHARS ? `${text.slice(0, MAX_LABEL_CHARS - 1)}…` : text);
/** Where the nodes were drawn last, so that they move little when others join them. */
const places = new Map();

/** Read the nodes and the links from the lists of the page. */
function read() {
  const nodes = new Map();
  const links = new Map();
  const add = ({ node: id, name, url, page }, own) => {
    if (!nodes.has(id)) nodes.set(id, { id, name, url, page, own, weight: 0, ...places.get(id) });
    return nodes.get(id);
  };
  const lists = [...document.querySelectorAll("details[data-node]")];
  for (const list of lists) add(list.dataset, true);
  for (const list of lists) {
    for (const { dataset } of list.querySelectorAll("tr[data-node]")) {
      const other = add(dataset, false);
      const projects = Number(dataset.projects);
      other.weight = Math.max(other.weight, projects);
      const ends = [[dataset.own, list.dataset.node], [dataset.role, other.id]].sort((a, b) => ORDER.indexOf(a[0]) - ORDER.indexOf(b[0]));
      const [[role, source], [, target]] = ends;
      const title = `${other.name}: ${dataset.own === "country" ? "" : `${list.dataset.name}, `}${count(projects, "project")}`;
      links.set(ends.join(), { source, target, role, projects, title });
    }
  }
  return [[...nodes.values()].sort((a, b) => b.own - a.own || b.weight - a.weight), [...links.values()]];
}

function draw() {
  const [nodes, links] = read();
  const height = Math.min(360 + 8 * nodes.length, 1000);
  // The smallest nodes have room for a number.
  const size = scaleSqrt([0, max(nodes, (node) => node.weight) || 1], [9, 16]);
  const radius = (node) => (node.own ? 18 : size(node.weight));
  const spots = layOut(nodes, links, { width: WIDTH, height, radius, label: (node) => cut(node.name) });
  for (const { id, x, y } of nodes) places.set(id, { x, y });
  // Nodes whose label does not fit have a number instead, with their name in a list below the chart.
  const crowded = nodes.filter((node) => !spots.has(node));
  crowded.forEach((node, place) => spots.set(node, { x: node.x, y: node.y + 4, anchor: "middle", number: place + 1 }));
  const svg = create("svg:svg").attr("viewBox", `0 0 ${WIDTH} ${height}`).attr("class", "explorer").attr("role", "group").attr("aria-label", "Network. The lists below have the same links.");
  const width = scaleLinear([1, Math.max(max(links, (link) => link.projects) ?? 1, 4)], [1.5, 8]);
  const lines = svg.append("g").selectAll("path").data(links).join("path")
    .attr("class", ({ role }) => `link ${role}`)
    .attr("stroke-width", ({ projects }) => width(projects))
    // Two links between the same nodes bend to different sides.
    .attr("d", ({ source: a, target: b, role }) => `M${a.x},${a.y}Q${(a.x + b.x) / 2 + ((b.y - a.y) / 12) * (role === "funder" ? 1 : -1)},${(a.y + b.y) / 2 + ((a.x - b.x) / 12) * (role === "funder" ? 1 : -1)} ${b.x},${b.y}`);
  lines.append("title").text(({ title }) => title);
  const anchors = svg.append("g").selectAll("a").data(nodes).join("a")
    .attr("class", ({ id, own }) => `${id.startsWith("country/") ? "place" : "organisation"}${own ? " own" : ""}`)
    .attr("data-id", ({ id }) => id)
    .attr("data-turn", ({ id, url }) => (url ? id : null))
    .attr("href", ({ url, page }) => url || page)
    .attr("aria-label", ({ name, url, own }) => `${name}: ${url ? (own ? "collapse" : "expand") : "page"}`);
  anchors.append("title").text(({ name, weight }) => (weight ? `${name}: ${count(weight, "project")}` : name));
  anchors.append("rect").attr("rx", (node) => (node.id.startsWith("country/") ? 2 : radius(node)))
    .attr("x", (node) => node.x - radius(node)).attr("y", (node) => node.y - radius(node))
    .attr("width", (node) => 2 * radius(node)).attr("height", (node) => 2 * radius(node));
  anchors.append("text").attr("class", (node) => (spots.get(node).number ? "digits" : null))
    .attr("x", (node) => spots.get(node).x).attr("y", (node) => spots.get(node).y).attr("text-anchor", (node) => spots.get(node).anchor)
    .text((node) => spots.get(node).number ?? cut(node.name));
  // Highlight what a node is linked to, and dim the rest.
  const light = ({ target }) => {
    const id = target.closest("a")?.dataset.id;
    const near = new Set(links.filter(({ source: a, target: b }) => a.id === id || b.id === id).flatMap(({ source, target }) => [source.id, target.id]));
    svg.classed("lit", Boolean(id));
    lines.classed("on", ({ source: a, target: b }) => a.id === id || b.id === id);
    anchors.classed("on", (node) => node.id === id || near.has(node.id));
  };
  for (const event of ["pointerover", "pointerleave", "focusin", "focusout"]) svg.on(event, light);
  const key = [["organisation", "Organisation"], ["place", "Country"], ["funder", "Link from a funder"], ["implementer", "Link from an implementer"]]
    .filter(([name]) => svg.select(`.${name}`).size())
    .map(([name, words]) => h("li", {}, h("span", { class: `swatch ${name}` }), words));
  const names = crowded.map(({ name, page }) => h("li", {}, h("a", { href: page }, h("bdi", {}, name))));
  document.getElementById("network").replaceChildren(svg.node(), h("ul", { class: "key small" }, ...key),
    ...(names.length ? [h("ol", { class: "numbered small", "aria-label": "Names of the numbered nodes" }, ...names)] : []));
}

/** Replace the page with the one at a URL, and focus the node that was expanded or collapsed. */
async function turn(url, id, push = true) {
  const reply = await fetch(url).catch(() => null);
  if (!reply?.ok) return location.assign(url);
  const page = new DOMParser().parseFromString(await reply.text(), "text/html");
  document.title = page.title;
  document.getElementById("main").replaceChildren(...document.adoptNode(page.getElementById("main")).childNodes);
  if (push) history.pushState(null, "", url);
  draw();
  document.querySelector(`#network [data-id="${CSS.escape(id)}"]`)?.focus({ preventScroll: true });
}

document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-turn]");
  if (!link || event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
  event.preventDefault();
  turn(link.getAttribute("href"), link.dataset.turn);
});
window.addEventListener("popstate", () => turn(location.href, "", false));
draw();
