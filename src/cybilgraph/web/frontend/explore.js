// The charts of Explore: each page works without this script. It sets styles only through CSSOM, which the policy allows.

import { brushX } from "d3-brush";
import { select } from "d3-selection";
import { zoom, zoomIdentity, zoomTransform } from "d3-zoom";
import { count, h, save } from "./dom.js";

const IRI = "https://w3id.org/cybilgraph/id/";
const MAX_ZOOM = 16;
/** More than any distance on a screen. */
const FAR = 1e6;

const figure = document.querySelector("#chart");
const picture = figure.querySelector(".picture:not(.key *)");
for (const hint of document.querySelectorAll(".with-script")) hint.hidden = false;
addTooltips();
offerPng(document.querySelector("#svg"));
if (picture?.matches(".map")) enhanceMap(picture);
if (picture?.matches(".sankey, .network")) lightPaths(picture);
if (figure.querySelector(".matrix")) sortAtOnce(figure.querySelector(".matrix"));
if (document.querySelector(".overview svg")) chooseByDragging(document.querySelector(".overview"));

/** Return the mark of the chart that has the focus, if any. */
function focused(selector) {
  return figure.contains(document.activeElement) ? document.activeElement.closest(selector) : null;
}

/**
 * Return the point on the screen at which the tooltip of a focused mark appears. For a country, it lies in its largest
 * piece, as the middle of all pieces may lie in another country.
 */
function anchor(mark) {
  if (mark.dataset.x) {
    const { x, y } = new DOMPoint(mark.dataset.x, mark.dataset.y).matrixTransform(mark.getScreenCTM());
    return [x, y];
  }
  const { left, width, top, height } = mark.getBoundingClientRect();
  return [left + width / 2, top + height / 2];
}

/** Replace the browser's tooltips, which appear late, and never on focus. */
function addTooltips() {
  const tip = h("div", { class: "hint", role: "tooltip", hidden: true });
  figure.append(tip);
  for (const title of figure.querySelectorAll("svg title")) {
    const mark = title.parentNode;
    mark.dataset.tip = title.textContent;
    if (mark.matches("a") && mark.querySelector("text")) mark.setAttribute("aria-description", title.textContent);
    else if (!mark.matches("a")) Object.entries({ role: "img", "aria-label": title.textContent }).forEach((pair) => mark.setAttribute(...pair));
    title.remove();
  }
  const show = (mark, x, y) => {
    tip.hidden = !mark;
    if (!mark) return;
    tip.textContent = mark.dataset.tip;
    tip.style.left = `${Math.max(Math.min(x + 12, innerWidth - tip.offsetWidth - 8), 8)}px`;
    tip.style.top = `${y + 16 + tip.offsetHeight > innerHeight ? y - tip.offsetHeight - 8 : y + 16}px`;
  };
  const showFocused = () => {
    const mark = focused("[data-tip]");
    show(mark, ...(mark ? anchor(mark) : []));
  };
  figure.addEventListener("pointermove", (event) => {
    const mark = event.target.closest("[data-tip]");
    if (mark) show(mark, event.clientX, event.clientY);
    else if (!focused("[data-tip]")) show(null);
  });
  for (const name of ["pointerleave", "focusin", "zoomed"]) figure.addEventListener(name, showFocused);
  figure.addEventListener("focusout", () => show(null));
  document.addEventListener("keydown", (event) => event.key === "Escape" && show(null));
}

/** Add a button that draws the downloadable image as PNG, at twice its size. */
function offerPng(link) {
  const draw = async () => {
    const image = new Image();
    image.src = link.href;
    await image.decode();
    const canvas = h("canvas", { width: image.naturalWidth * 2, height: image.naturalHeight * 2 });
    canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
    canvas.toBlob((blob) => save(blob, "image/png", link.download.replace("svg", "png")));
  };
  link.after(" ", h("button", { type: "button", class: "button", onclick: draw }, "Download PNG"));
}

/** Let the visitor zoom the map, walk through the countries with the keyboard, and list the projects of one. */
function enhanceMap(svg) {
  const { x, y, width, height } = svg.viewBox.baseVal;
  const [fullWidth, fullHeight] = [2000, 900];
  const stage = svg.parentNode;
  const land = svg.querySelector("g");
  const pattern = svg.querySelector("pattern");
  const links = [...svg.querySelectorAll("a")];
  const dots = [...svg.querySelectorAll("circle")];
  const scale = fullWidth / width;
  const radii = new Map(dots.map((dot) => [dot, dot.getAttribute("r") * scale]));
  const hatch = pattern.getAttribute("width") * scale;
  const shifted = links.filter((link) => link.hasAttribute("transform"));
  stage.classList.add("zoomable");
  stage.previousElementSibling?.remove(); // the hint to scroll
  for (const name of ["tabindex", "role", "aria-label"]) stage.removeAttribute(name);
  svg.setAttribute("viewBox", `0 0 ${fullWidth} ${fullHeight}`);

  const right = shifted.length ? fullWidth * 1.3 : fullWidth;
  const behaviour = zoom()
    .extent([[0, 0], [fullWidth, fullHeight]])
    .translateExtent([[0, 0], [right, fullHeight]])
    .scaleExtent([1, MAX_ZOOM])
    // A page that scrolls must not stop at the map: the wheel zooms with Ctrl, and one finger pans only what is zoomed.
    .filter((event) => {
      if (event.type === "wheel") return event.ctrlKey || event.metaKey;
      return event.touches ? event.touches.length > 1 || zoomTransform(svg).k > 1 : !event.button;
    })
    .on("zoom", ({ transform }) => {
      land.setAttribute("transform", `${transform} translate(0,16)`);
      pattern.setAttribute("patternTransform", `rotate(45) scale(${hatch / transform.k / pattern.getAttribute("width")})`);
      for (const dot of dots) dot.setAttribute("r", radii.get(dot) / transform.k);
      for (const link of shifted) link.setAttribute("transform", `translate(${transform.k > 1 ? fullWidth : 0})`);
      figure.dispatchEvent(new Event("zoomed"));
    })
    .on("end", setStops);
  const map = select(svg).call(behaviour).on("dblclick.zoom", null);
  const whole = () => map.call(behaviour.transform, zoomIdentity);
  const closer = (factor) => map.call(behaviour.scaleBy, factor);

  const button = (label, name, onclick) => h("button", { type: "button", "aria-label": name, title: name, onclick }, label);
  stage.append(h("div", { class: "zoom", role: "group", "aria-label": "Zoom" },
    button("+", "Zoom in", () => closer(2)), button("−", "Zoom out", () => closer(0.5)), button("Reset", "Reset to the whole world (0)", whole)));

  /**
   * Only the current country, at first one with projects, is in the tab order; arrow keys lead to the nearest one on
   * the screen.
   */
  let stops = [];
  function setStops() {
    const frame = svg.getBoundingClientRect();
    const isVisible = (link) => {
      const [x, y] = anchor(link);
      return x > frame.left && x < frame.right && y > frame.top && y < frame.bottom;
    };
    stops = links.filter(isVisible).sort((a, b) => a.getAttribute("aria-label").localeCompare(b.getAttribute("aria-label")));
    for (const link of links) link.setAttribute("tabindex", -1);
    (currentStop() ?? firstStop())?.setAttribute("tabindex", 0);
  }
  const currentStop = () => stops.find((link) => link === document.activeElement);
  const firstStop = () => stops.find((link) => !link.getAttribute("aria-label").endsWith(": 0")) ?? stops[0];
  const directions = { ArrowRight: [1, 0], ArrowDown: [0, 1], ArrowLeft: [-1, 0], ArrowUp: [0, -1] };
  /**
   * Return the nearest country in a direction, if any: within 45° of it if possible, and with three times the distance
   * off its line.
   */
  function neighbour(from, [right, down]) {
    const [fromX, fromY] = anchor(from);
    const distances = stops.map((link) => {
      const [toX, toY] = anchor(link);
      const along = (toX - fromX) * right + (toY - fromY) * down;
      const across = Math.abs((toX - fromX) * down) + Math.abs((toY - fromY) * right);
      const distance = along + 3 * across + (across > along ? FAR : 0);
      return [link !== from && along > 0 ? distance : Infinity, link];
    });
    const [distance, link] = distances.reduce((nearest, each) => (each[0] < nearest[0] ? each : nearest));
    return distance < Infinity ? link : null;
  }
  const keys = { "+": () => closer(2), "=": () => closer(2), "-": () => closer(0.5), 0: whole };
  stage.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (keys[event.key]) keys[event.key]();
    else if (directions[event.key] && stops.length) {
      const current = currentStop();
      const next = current ? neighbour(current, directions[event.key]) ?? current : firstStop();
      for (const link of stops) link.setAttribute("tabindex", link === next ? 0 : -1);
      next.focus();
    } else return;
    event.preventDefault();
  });

  const panel = h("aside", { class: "panel", hidden: true, "aria-label": "Projects of a country" });
  stage.after(panel);
  for (const link of links) {
    link.addEventListener("click", (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      listProjects(link, panel);
    });
  }
  map.call(behaviour.transform, zoomIdentity.scale(scale).translate(-x, -y));
}

/** Show the projects of a country beside the map; if they cannot be loaded, go to its page. */
async function listProjects(link, panel) {
  const page = new URL(link.getAttribute("href"), location); // in SVG, the property href is not a string
  const [site, code] = page.pathname.split("/id/country/");
  const name = link.getAttribute("aria-label").replace(/: \d+$/, "");
  const address = new URL(`${site}/api/queries/page-first`, page);
  address.searchParams.set("resource", `${IRI}country/${code}`);
  if (page.searchParams.has("evidence")) address.searchParams.set("evidence", page.searchParams.get("evidence"));
  const response = await fetch(address, { headers: { Accept: "application/sparql-results+json" } }).catch(() => null);
  if (!response?.ok) {
    location.assign(page);
    return;
  }
  const rows = (await response.json()).results.bindings;
  const projects = rows.filter((row) => row.project);
  const total = Number(rows.find((row) => row.projects && !row.roles)?.projects.value ?? 0);
  const close = () => {
    panel.hidden = true;
    link.focus();
  };
  const item = (row) => {
    const dates = row.start || row.end ? `${row.start?.value ?? "?"} – ${row.end?.value ?? (row.status?.value === "Ongoing" ? "ongoing" : "?")}` : "";
    return h("li", {}, h("a", { href: site + new URL(row.project.value).pathname.replace(/^.*?\/id\//, "/id/") + page.search }, row.title?.value ?? row.project.value), dates && h("span", { class: "small" }, ` ${dates}`));
  };
  const heading = h("h2", { tabindex: -1 }, name);
  panel.replaceChildren(
    h("button", { type: "button", "aria-label": "Close", title: "Close", onclick: close }, "×"),
    heading,
    h("p", {}, total ? count(total, "project") : "No known projects"),
    h("ol", {}, ...projects.map(item)),
    h("p", {}, h("a", { href: page.href }, projects.length < total ? `All projects and more about ${name}` : `More about ${name}`)),
  );
  panel.onkeydown = (event) => event.key === "Escape" && close();
  panel.hidden = false;
  heading.focus();
}

/** Highlight the flows that share projects with the node or flow at the pointer or focus; ribbons as thick as what they share. */
function lightPaths(svg) {
  const flows = [...svg.querySelectorAll(".ribbon, .flow")];
  const outlines = new Map(flows.map((flow) => [flow, flow.getAttribute("d")]));
  const nodes = [...svg.querySelectorAll(".stop")];
  for (const node of nodes) if (!node.matches("a")) node.setAttribute("tabindex", 0);
  const light = (mark) => {
    const keys = mark?.dataset.ends.split(" ") ?? [];
    const lit = new Set(keys);
    for (const flow of flows) {
      const path = new Map(flow.dataset.path.split(" ").map((part) => part.split(":")));
      const shared = Math.min(...keys.map((key) => path.get(key) ?? 0));
      const isLit = mark !== null && shared > 0;
      flow.classList.toggle("lit", isLit);
      flow.setAttribute("d", isLit && shared < flow.dataset.count ? narrow(outlines.get(flow), shared / flow.dataset.count) : outlines.get(flow));
      if (isLit) for (const end of flow.dataset.ends.split(" ")) lit.add(end);
    }
    for (const node of nodes) node.classList.toggle("lit", lit.has(node.dataset.ends));
    svg.classList.toggle("dimmed", mark !== null);
  };
  svg.addEventListener("pointerover", (event) => light(event.target.closest("[data-ends]") ?? focused("[data-ends]")));
  svg.addEventListener("pointerleave", () => light(focused("[data-ends]")));
  svg.addEventListener("focusin", (event) => light(event.target.closest("[data-ends]")));
  svg.addEventListener("focusout", () => light(null));
}

/** Narrow a ribbon to a share of its width; its outline runs along the upper edge and back along the lower one. */
function narrow(outline, share) {
  const heights = /(?<=[,V])[\d.]+/g;
  const ys = outline.match(heights).map(Number);
  let place = 0;
  return outline.replace(heights, () => {
    const y = ys[place];
    const middle = (y + ys[ys.length - ++place]) / 2;
    return middle + Math.sign(y - middle) * Math.max(Math.abs(y - middle) * share, 0.5);
  });
}

/** Sort the matrix without loading the page, and update the address and the image to download. */
function sortAtOnce(table) {
  const value = (row, place) => Number(row.cells[place].textContent.replace(/\D/g, ""));
  const headings = [...table.tHead.rows[0].cells];
  const [body] = table.tBodies;
  const image = document.querySelector("#svg");
  headings.forEach((heading, place) => {
    const link = heading.querySelector("a");
    link.addEventListener("click", (event) => {
      event.preventDefault();
      const byName = (a, b) => a.cells[0].textContent.localeCompare(b.cells[0].textContent);
      body.append(...[...body.rows].sort((a, b) => (place && value(b, place) - value(a, place)) || byName(a, b)));
      for (const each of headings) each.removeAttribute("aria-sort");
      heading.setAttribute("aria-sort", place ? "descending" : "ascending");
      history.replaceState(null, "", link.href);
      image.search = link.search;
    });
  });
}

/** Let the visitor choose the years of the timeline by dragging across the overview. */
function chooseByDragging(overview) {
  const svg = overview.querySelector("svg");
  const form = document.querySelector("#period");
  const [first, years] = [Number(overview.dataset.first), Number(overview.dataset.years)];
  const width = svg.clientWidth;
  const brush = brushX().extent([[0, 0], [width, svg.clientHeight - 26]]).on("end", ({ selection, sourceEvent }) => {
    if (!selection || !sourceEvent) return;
    const [from, to] = selection.map((edge) => first + Math.min(Math.floor((edge / width) * years), years - 1));
    Object.assign(form.elements.from, { value: from });
    Object.assign(form.elements.to, { value: to });
    form.requestSubmit();
  });
  const chosen = select(svg).append("g").attr("class", "brush").call(brush);
  if (form.elements.from.value) {
    const edges = [form.elements.from.value - first, form.elements.to.value - first + 1];
    chosen.call(brush.move, edges.map((year) => (Math.min(Math.max(year, 0), years) / years) * width));
  }
}
