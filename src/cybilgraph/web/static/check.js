// Check the record while the user types, and mark the lines that have findings.
"use strict";
(() => {
  const form = document.getElementById("check");
  const text = document.getElementById("text");
  const marks = form.querySelector(".marks");
  const file = document.getElementById("file");
  const tally = document.getElementById("tally");
  const list = document.getElementById("findings");
  const sheet = document.getElementById("sheet");
  const marked = form.querySelector(".of-workbook");
  const derived = document.getElementById("derived");
  const turtle = document.getElementById("turtle");
  const SIGNS = { violation: "✖", warning: "▲", info: "ℹ" };
  const DEBOUNCE_MS = 400;
  document.documentElement.classList.add("live");

  // ---- the layer of lines behind the text area: same width and font, so that lines wrap at the same places

  let lines = [];

  function updateLines() {
    const now = text.value.split("\n");
    let same = 0;
    while (same < now.length && same < lines.length && now[same] === lines[same]) same++;
    let tail = 0;
    while (tail < now.length - same && tail < lines.length - same && now.at(-1 - tail) === lines.at(-1 - tail)) tail++;
    for (let gone = lines.length - same - tail; gone > 0; gone--) marks.children[same].remove();
    const fresh = now.slice(same, now.length - tail).map((line) => {
      const row = document.createElement("div");
      row.textContent = line || "\u200b";
      return row;
    });
    if (marks.children[same]) marks.children[same].before(...fresh);
    else marks.append(...fresh);
    lines = now;
  }

  function mark(findings) {
    for (const row of marks.querySelectorAll("[class]")) {
      row.className = "";
      row.textContent = row.textContent;
    }
    for (const found of [...findings].reverse()) { // the most severe finding of a line comes first in the list, and wins
      const row = marks.children[found.line - 1];
      if (!row) continue;
      row.className = found.severity;
      row.textContent = row.textContent;
      const before = [...row.textContent].slice(0, found.column - 1).join("").length;
      if (found.column && found.text && row.textContent.startsWith(found.text, before)) {
        const range = document.createRange();
        range.setStart(row.firstChild, before);
        range.setEnd(row.firstChild, before + found.text.length);
        range.surroundContents(document.createElement("mark"));
      }
    }
  }

  function offsetOf(line, column) {
    const before = lines.slice(0, line - 1).reduce((sum, row) => sum + row.length + 1, 0);
    return before + [...(lines[line - 1] ?? "")].slice(0, Math.max(column - 1, 0)).join("").length;
  }

  function goTo(line, column) {
    const start = offsetOf(line, column);
    const end = start + (lines[line - 1] ?? "").length - (start - offsetOf(line, 1));
    text.focus({ preventScroll: true });
    text.setSelectionRange(start, end);
    marks.children[line - 1]?.scrollIntoView({ block: "center" });
  }

  // Replace only the part that differs, so that the browser's "undo" restores the old text.
  function replaceText(now) {
    const was = text.value;
    let start = 0;
    while (start < was.length && was[start] === now[start]) start++;
    let tail = 0;
    while (tail < Math.min(was.length, now.length) - start && was.at(-1 - tail) === now.at(-1 - tail)) tail++;
    text.focus({ preventScroll: true });
    text.setSelectionRange(start, was.length - tail);
    const inserted = now.slice(start, now.length - tail);
    const done = document.execCommand(inserted ? "insertText" : "delete", false, inserted); // deprecated, but nothing else can be undone
    if (!done) text.setRangeText(inserted, start, was.length - tail, "end");
    updateLines();
  }

  // ---- findings

  function show(report, language) {
    const order = Object.keys(SIGNS); // most severe first; the server sends each severity in line order
    report.findings.sort((one, other) => order.indexOf(one.severity) - order.indexOf(other.severity));
    list.replaceChildren(...report.findings.map((found, index) => shown(found, index + 1, language)));
    mark(report.table?.length ? [] : report.findings);
    showTable(report.table ?? [], report.findings);
    const counted = (number, word) => `${number} ${word}${number === 1 ? "" : "s"}`;
    const { violation, warning, info } = report.counts;
    say(
      !report.records
        ? "No project record was found in this text."
        : `${counted(report.records, "record")}: ${counted(violation, "violation")}, ${counted(warning, "warning")}` +
            (info ? `, ${info} info` : "") + (report.note ? `. ${report.note}` : report.findings.length ? "" : ". No problems found.")
    );
    document.getElementById("downloads").hidden = !report.records;
  }

  function shown(found, number, language) {
    const item = document.getElementById("a-finding").content.firstElementChild.cloneNode(true);
    const part = (name) => item.querySelector(name);
    const name = found.rule.split("#").pop();
    item.id = `F${number}`;
    item.className = `finding ${found.severity}`;
    part(".sign").textContent = SIGNS[found.severity];
    part("strong").textContent = found.severity;
    part(".place").hidden = !found.line;
    part(".place").textContent = found.cell_name || `line ${found.line}`;
    part(".place").href = found.cell_name ? `#cell-${found.cell_name}` : `#L${found.line}`;
    part(".place").dataset.column = found.column;
    part(".which").textContent = name;
    part(".which").href = `${form.dataset.rules}/${name}?lang=${language}`;
    for (const [where, words] of [["message", found.message], ["suggestion", found.suggestion]]) {
      part(`.${where}`).textContent = words;
      part(`.${where}`).lang = language;
      part(`.${where}`).hidden = !words;
    }
    part(".words").hidden = !(found.label || found.text);
    part(".words").textContent = found.label + (found.label && found.text ? ": " : "");
    if (found.text) {
      const quote = document.createElement("q");
      quote.textContent = found.text.length > 160 ? `${found.text.slice(0, 159)}…` : found.text;
      part(".words").append(quote);
    }
    const fix = found.fix ?? found.proposal;
    if (fix && !file?.files.length) {
      part(".apply").hidden = part(".apply").disabled = false;
      part("del").textContent = fix.old;
      part("ins").textContent = fix.new;
      part(".apply").addEventListener("click", (event) => {
        event.preventDefault();
        applyFix(`${fix.line}:${fix.column}`);
      });
    }
    return item;
  }

  const lettersOf = (number) =>
    (number > 26 ? lettersOf(Math.floor((number - 1) / 26)) : "") + String.fromCharCode(65 + ((number - 1) % 26));

  // Show a workbook as a table; findings are in the order of the list.
  function showTable(rows, findings) {
    sheet.hidden = marked.hidden = !rows.length;
    form.classList.toggle("has-sheet", rows.length > 0); // the empty text area becomes small
    const byPlace = new Map();
    findings.forEach((found, index) => {
      const place = found.cell_name || String(found.line);
      byPlace.set(place, [...(byPlace.get(place) ?? []), [found, index + 1]]);
    });
    const cell = (tag, scope, words, id, place) => {
      const own = document.createElement(tag);
      if (scope) own.scope = scope;
      if (id) own.id = id;
      own.textContent = words;
      const about = byPlace.get(place) ?? [];
      if (about.length) own.className = about[0][0].severity;
      for (const [found, number] of about) {
        const link = document.createElement("a");
        link.href = `#F${number}`;
        link.title = found.message;
        link.ariaLabel = `${found.severity}: ${found.message}`;
        link.textContent = SIGNS[found.severity];
        own.append(" ", link);
      }
      return own;
    };
    const line = (...cells) => {
      const own = document.createElement("tr");
      own.append(...cells);
      return own;
    };
    const width = Math.max(0, ...rows.map((row) => row.cells.length));
    const letters = Array.from({ length: width }, (_, index) => lettersOf(index + 1));
    const head = letters.map((letter) => cell("th", "col", letter));
    sheet.querySelector("thead").replaceChildren(line(document.createElement("td"), ...head));
    sheet.querySelector("tbody").replaceChildren(
      ...rows.map((row) => {
        const cells = row.cells.map((words, index) => {
          const place = `${letters[index]}${row.number}`;
          return cell("td", "", words, `cell-${place}`, place);
        });
        return line(cell("th", "row", String(row.number), `L${row.number}`, String(row.number)), ...cells);
      })
    );
  }

  function showMore(report) {
    const rows = (report.derived ?? []).map((row) => {
      const line = document.getElementById("a-statement").content.querySelector("tr").cloneNode(true);
      const cells = line.children;
      cells[0].firstElementChild.textContent = row.name;
      cells[1].textContent = row.field.replace("_", " ");
      cells[2].textContent = row.basis;
      cells[3].querySelector("bdi").textContent = row.quote;
      const place = cells[4].firstElementChild;
      place.textContent = row.line || "";
      if (row.line) place.href = `#L${row.line}`;
      place.dataset.column = row.column;
      return line;
    });
    derived.querySelector("tbody").replaceChildren(...rows);
    derived.hidden = !rows.length;
    turtle.querySelector("pre").textContent = report.turtle ?? "";
    turtle.hidden = !report.turtle;
  }

  function say(words) {
    if (tally.textContent.trim() !== words) tally.textContent = words;
  }

  function clear(words) {
    list.replaceChildren();
    mark([]);
    showTable([], []);
    showMore({});
    say(words);
  }

  // ---- requests

  let timer = 0;
  let pending = null;

  function changed() {
    updateLines();
    checkIn(DEBOUNCE_MS);
  }

  function checkIn(milliseconds) {
    clearTimeout(timer);
    timer = setTimeout(() => check(), milliseconds);
  }

  async function applyFix(position) {
    await check(position);
    text.focus({ preventScroll: true });
  }

  async function check(fix = "") {
    clearTimeout(timer);
    pending?.abort();
    const own = (pending = new AbortController());
    if (!text.value.trim() && !file?.files.length) {
      form.removeAttribute("aria-busy");
      return clear("Nothing checked yet.");
    }
    form.setAttribute("aria-busy", "true");
    try {
      const language = form.elements.lang.value;
      const reply = await fetch(form.dataset.api, { ...request(language, fix), method: "POST", signal: own.signal });
      const body = await reply.json();
      const report = reply.ok ? body : body.report;
      if (report) {
        if (report.text) replaceText(report.text);
        show(report, language);
        showMore(report);
      } else {
        say(body.detail);
        const wait = Number(reply.headers.get("Retry-After"));
        if (wait) checkIn(wait * 1000);
      }
    } catch (error) {
      if (error.name === "AbortError") return; // a newer check replaces this one
      say("The server is not responding. Your text is still here; retrying in a few seconds.");
      checkIn(5000);
    } finally {
      if (pending === own) form.removeAttribute("aria-busy");
    }
  }

  function request(language, fix) {
    const accept = { Accept: "application/json" };
    const format = form.elements.format.value;
    const include = ["derived", "turtle", "table"];
    if (file?.files.length) {
      const body = new FormData();
      body.append("file", file.files[0]);
      body.append("format", format);
      body.append("lang", language);
      body.append("include", include.join());
      return { headers: accept, body };
    }
    const name = form.elements.name?.value ?? text.dataset.name ?? "";
    return {
      headers: { ...accept, "Content-Type": "application/json" },
      body: JSON.stringify({ text: text.value, name, format, lang: language, include, fix }),
    };
  }

  // ---- files: a text file is loaded into the text area, where the user can edit it

  async function load(chosen) {
    const bytes = new Uint8Array(await chosen.arrayBuffer());
    const words = decoded(bytes);
    if (words === null) {
      text.value = "";
      say(`${chosen.name} is not a text file, so it cannot be edited here. Checking it …`);
    } else {
      file.value = "";
      text.value = words;
      text.dataset.name = chosen.name;
    }
    updateLines();
    checkIn(0);
  }

  function decoded(bytes) {
    if ([0xfe, 0xff].includes(bytes[0]) && [0xfe, 0xff].includes(bytes[1])) {
      return new TextDecoder(bytes[0] === 0xff ? "utf-16le" : "utf-16be").decode(bytes);
    }
    if (bytes.subarray(0, 4096).some((byte) => byte === 0)) return null;
    try {
      return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    } catch {
      return new TextDecoder("windows-1252").decode(bytes);
    }
  }

  file?.addEventListener("change", () => file.files.length && load(file.files[0]));
  if (file) {
    const editor = document.getElementById("editor");
    for (const name of ["dragenter", "dragover"]) {
      editor.addEventListener(name, (event) => {
        if (![...event.dataTransfer.types].includes("Files")) return;
        event.preventDefault();
        editor.classList.add("drop");
      });
    }
    for (const name of ["dragleave", "drop"]) editor.addEventListener(name, () => editor.classList.remove("drop"));
    editor.addEventListener("drop", (event) => {
      if (!event.dataTransfer.files.length) return;
      event.preventDefault();
      file.files = event.dataTransfer.files;
      load(file.files[0]);
    });
  }

  // ---- events

  text.addEventListener("input", () => {
    if (file) file.value = "";
    changed();
  });
  for (const name of ["lang", "format"]) form.elements[name].addEventListener("change", () => checkIn(0));
  document.addEventListener("click", (event) => {
    const place = event.target.closest("a.place");
    if (!place?.hash || (file?.files.length ?? 0)) return;
    event.preventDefault();
    goTo(Number(place.hash.slice(2)), Number(place.dataset.column ?? 1));
  });
  form.addEventListener("submit", (event) => {
    if (event.submitter?.name !== "check") return;
    event.preventDefault();
    checkIn(0);
  });

  updateLines();
  if (text.value.trim()) checkIn(0);
})();
