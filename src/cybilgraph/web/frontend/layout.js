// Lay out a network by forces, and its labels without overlaps.

import { extent } from "d3-array";
import { forceCollide, forceLink, forceManyBody, forceSimulation, forceX, forceY } from "d3-force";
import { scaleLinear } from "d3-scale";

/** The estimated width of a character of a label, and its ascent and descent, in user units. */
const CHAR_WIDTH = 7;
const ASCENT = 14;
const DESCENT = 5;
/** This many of the first nodes get a label even if it overlaps other nodes. */
const ALWAYS_LABELLED = 12;

/** Set the x and y of each node, and replace the ends of each link with its nodes. Return the place of each label that fits.

    Nodes that have an x and y start from there. */
export function layOut(nodes, links, { width, height, radius, label }) {
  forceSimulation(nodes)
    .force("link", forceLink(links).id((node) => node.id).distance(130))
    .force("charge", forceManyBody().strength(-900))
    .force("x", forceX(width / 2).strength(0.12))
    .force("y", forceY(height / 2).strength(0.16))
    .force("apart", forceCollide((node) => radius(node) + 22))
    .stop()
    .tick(300);
  // Scale the layout to fill the drawing, with margins for the labels.
  const fitted = (axis, room, edge) => {
    const [low, high] = extent(nodes, (node) => node[axis]);
    return low < high ? scaleLinear([low, high], [edge, room - edge]) : () => room / 2;
  };
  const across = fitted("x", width, 115);
  const along = fitted("y", height, 34);
  for (const node of nodes) Object.assign(node, { x: across(node.x), y: along(node.y) });
  return placeLabels(nodes, { width, height, radius, label });
}

/** Place labels above, below, next to or diagonally from their nodes, in order of the nodes, without overlaps; only labels of the
    largest nodes may cover other nodes. */
function placeLabels(nodes, { width, height, radius, label }) {
  const taken = nodes.map((node) => ({ node, left: node.x - radius(node), right: node.x + radius(node), top: node.y - radius(node), bottom: node.y + radius(node) }));
  const found = new Map();
  nodes.forEach((node, place) => {
    const wide = label(node).length * CHAR_WIDTH;
    const away = radius(node) + 5;
    const aslant = radius(node) * 0.7 + 3;
    const spots = [
      { anchor: "middle", x: node.x, y: node.y - away, left: node.x - wide / 2 },
      { anchor: "middle", x: node.x, y: node.y + away + 9, left: node.x - wide / 2 },
      { anchor: "start", x: node.x + away, y: node.y + 4, left: node.x + away },
      { anchor: "end", x: node.x - away, y: node.y + 4, left: node.x - away - wide },
      ...[-aslant, aslant + 9].flatMap((down) => [
        { anchor: "start", x: node.x + aslant, y: node.y + down, left: node.x + aslant },
        { anchor: "end", x: node.x - aslant, y: node.y + down, left: node.x - aslant - wide },
      ]),
    ].map((spot) => ({ ...spot, node, right: spot.left + wide, top: spot.y - ASCENT, bottom: spot.y + DESCENT }));
    const clear = (boxes) => (spot) => spot.left > 0 && spot.right < width && spot.top > 0 && spot.bottom < height
      && !boxes.some((box) => box.node !== node && spot.left < box.right && box.left < spot.right && spot.top < box.bottom && box.top < spot.bottom);
    const spot = spots.find(clear(taken)) ?? (place < ALWAYS_LABELLED ? spots.find(clear([...found.values()])) : undefined);
    if (!spot) return;
    found.set(node, spot);
    taken.push(spot);
  });
  return found;
}
