// The tokens of a query: how to format them, and what fits at a position.

const WORD = /[^\s{}()[\];,.<>"'#](?:[^\s{}()[\];,.<>"'#]|\.(?=[\w-]))*/.source;
const STRING = /"""(?:[^"\\]|\\.|"(?!""))*"""|'''(?:[^'\\]|\\.|'(?!''))*'''|"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'/.source;
const TOKEN = new RegExp(`(\\s*)(#[^\\n]*|${STRING}|<[^<>"{}|^\`\\\\\\s]*>|[?$]\\w+|${WORD}|\\S)`, "gs");
/** Marks the cursor: no query contains it. */
const CURSOR = "\u0000";
/** Keywords that begin a line. */
const OWN_LINE = /^(?:PREFIX|BASE|SELECT|CONSTRUCT|DESCRIBE|ASK|FROM|WHERE|GROUP|HAVING|ORDER|LIMIT|VALUES|OPTIONAL|FILTER|BIND|MINUS|GRAPH|SERVICE)$/i;

/** Break lines after statements and before keywords, and indent them by the groups. Only white space changes. */
export function format(text) {
  let out = "";
  let braces = 0;
  let brackets = 0;
  let data = ""; // "next" between VALUES and its block, "in" within it
  let expression = false; // a FILTER or BIND ends with its bracket
  let ended = true; // the next token begins a statement
  let broken = true;
  for (const [, gap, token] of text.matchAll(TOKEN)) {
    const inline = brackets > 0 || data === "in";
    const starts = !inline && OWN_LINE.test(token);
    if (token === "}") braces -= 1;
    if (/^[)\]]$/.test(token)) brackets -= 1;
    const lines = gap.split("\n").length - 1;
    const closing = token === "}" && !inline;
    const attached = /^[.;,]$/.test(token) || /^UNION$/i.test(token) || (token.startsWith("#") && !lines);
    if (out && (lines || ((broken || starts || closing) && !attached))) {
      const continues = !ended && !starts && data !== "in" && !/^[}#]/.test(token);
      const depth = braces + brackets + (continues ? 1 : 0);
      out = `${out.trimEnd()}${lines > 1 && !closing ? "\n\n" : "\n"}${"  ".repeat(Math.max(depth, 0))}`;
    } else if (out && (gap || token === "{" || /^UNION$/i.test(token))) out += " ";
    out += token;
    broken = token.startsWith("#");
    if (broken) continue;
    ended = false;
    if (/^[([]$/.test(token)) brackets += 1;
    if (token === "{") {
      braces += 1;
      expression &&= inline;
      data = data === "next" ? "in" : data;
      broken = ended = !inline && data !== "in";
    } else if (token === "}") {
      data = "";
      broken = ended = brackets === 0;
    } else if (!inline && braces > 0 && (token === "." || token === ";")) {
      broken = true;
      ended = token === ".";
    } else if (token === ")" && brackets === 0 && expression) {
      broken = ended = true;
      expression = false;
    } else if (starts) {
      data = /^VALUES$/i.test(token) ? "next" : "";
      expression = /^(?:FILTER|BIND)$/i.test(token);
    }
  }
  return out;
}

/** Return what is known at a position: the classes of the subject and, after a predicate, that predicate.

    ``classesOf`` returns the classes of the values of a property. */
export function placeAt(text, position, classesOf) {
  const types = new Map();
  const note = (subject, names) => types.set(subject, [...(types.get(subject) ?? []), ...names]);
  let place = {};
  let statement = [];
  for (const [, , token] of `${text.slice(0, position)}${CURSOR}${text.slice(position)}`.matchAll(TOKEN)) {
    if (token.startsWith("#")) continue;
    if (token.includes(CURSOR)) place = { subject: statement[0], predicate: statement[1] };
    if (/^[{}().]$/.test(token) || OWN_LINE.test(token)) statement = [];
    else if (token === ";") statement.length = Math.min(statement.length, 1);
    else if (token === ",") statement.length = Math.min(statement.length, 2);
    else statement.push(token);
    if (statement.length !== 3 || token.includes(CURSOR)) continue;
    const [subject, predicate, object] = statement;
    if (/^(?:a|rdf:type)$/.test(predicate)) note(subject, [object]);
    else note(object, classesOf(predicate));
  }
  return { classes: types.get(place.subject) ?? [], predicate: place.predicate, isPredicate: Boolean(place.subject && !place.predicate) };
}
