// The query editor: replaces the plain text area with CodeMirror.

import { acceptCompletion, autocompletion, closeBrackets, closeBracketsKeymap, closeCompletion, completionKeymap, completionStatus } from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap } from "@codemirror/commands";
import { HighlightStyle, StreamLanguage, bracketMatching, indentOnInput, syntaxHighlighting, syntaxTree } from "@codemirror/language";
import { sparql } from "@codemirror/legacy-modes/mode/sparql";
import { setDiagnostics } from "@codemirror/lint";
import { EditorState, Prec, StateEffect, StateField } from "@codemirror/state";
import { Decoration, EditorView, drawSelection, highlightActiveLine, keymap, lineNumbers } from "@codemirror/view";
import { tags } from "@lezer/highlight";
import { placeAt } from "./sparql.js";

const KEYWORDS = (
  "SELECT DISTINCT CONSTRUCT DESCRIBE ASK WHERE PREFIX BASE FROM NAMED OPTIONAL UNION MINUS FILTER BIND VALUES GRAPH " +
  "GROUP ORDER BY HAVING LIMIT OFFSET ASC DESC AS IN NOT EXISTS COUNT SUM MIN MAX AVG SAMPLE GROUP_CONCAT STR LANG " +
  "LANGMATCHES DATATYPE BOUND IRI IF COALESCE REGEX REPLACE SUBSTR STRLEN UCASE LCASE CONTAINS STRSTARTS STRENDS " +
  "STRBEFORE STRAFTER CONCAT YEAR MONTH DAY ABS ROUND CEIL FLOOR"
).split(" ");
const MAX_COMPLETIONS = 60;

const colours = HighlightStyle.define([
  { tag: [tags.keyword, tags.operatorKeyword], class: "tok-keyword" },
  { tag: [tags.string, tags.number, tags.bool], class: "tok-literal" },
  { tag: tags.comment, class: "tok-comment" },
  { tag: [tags.variableName, tags.special(tags.variableName), tags.local(tags.variableName)], class: "tok-variable" },
  { tag: [tags.atom, tags.propertyName, tags.tagName, tags.typeName, tags.meta], class: "tok-name" },
]);

const setFaulty = StateEffect.define();
const faulty = StateField.define({
  create: () => Decoration.none,
  update(marks, transaction) {
    for (const effect of transaction.effects) {
      if (effect.is(setFaulty)) {
        return effect.value === null
          ? Decoration.none
          : Decoration.set([Decoration.line({ class: "cm-faulty" }).range(effect.value)]);
      }
    }
    return marks.map(transaction.changes);
  },
  provide: (field) => EditorView.decorations.from(field),
});

/** Complete at the cursor: variables of the query, terms of the graph by name or label, keywords. */
function completions(terms) {
  return async (context) => {
    const inside = syntaxTree(context.state).resolveInner(context.pos, -1).name;
    if (inside === "comment" || inside === "string") return null;
    const text = context.state.doc.toString();
    const variable = context.matchBefore(/[?$]\w*/);
    if (variable) {
      const found = new Set(text.match(/[?$]\w+/g));
      found.delete(variable.text);
      return { from: variable.from, options: [...found].sort().map((label) => ({ label, type: "variable" })), validFor: /^[?$]\w*$/ };
    }
    const word = context.matchBefore(/[A-Za-zÀ-ž][\w.À-ž-]*(?::[\w.-]*)?|:/);
    if (!word && !context.explicit) return null;
    const typed = word?.text ?? "";
    const from = word?.from ?? context.pos;
    if (!context.explicit && typed.length < 2 && !context.matchBefore(/\p{L} \p{L}$/u)) return null;
    const before = text.slice(0, from);
    const known = await terms;
    if (/PREFIX\s+$/i.test(before)) {
      const options = Object.entries(known.prefixes).map(([prefix, iri]) => ({ label: `${prefix}: <${iri}>`, type: "namespace" }));
      return { from, options };
    }
    const place = placeAt(text, context.pos, (name) => known.byName.get(name)?.ranges ?? []);
    // A name of several words, such as "European Un": the longest end of the line that begins a name.
    const line = context.matchBefore(/(?:[\p{L}\d.'’()&,-]+ +)+[\p{L}\d.'’()&,-]*$/u);
    for (let phrase = line?.text ?? ""; phrase.includes(" "); phrase = phrase.replace(/^\S+ +/, "")) {
      const options = ranked(known, phrase, place).filter(({ type }) => type !== "keyword");
      if (options.length) return { from: context.pos - phrase.length, filter: false, options };
    }
    return { from, filter: false, options: ranked(known, typed, place) };
  };
}

/** Return the terms and keywords that match what was typed: those that fit the place first, then the best matches. */
function ranked(known, typed, place) {
  const [, prefix, rest] = typed.match(/^(?:([\w-]*):)?(.*)$/);
  const wanted = rest.toLowerCase();
  const isClass = /^(?:a|rdf:type)$/.test(place.predicate ?? "");
  const kinds = (known.byName.get(place.predicate)?.ranges ?? []).map(kindOf);
  const scored = [];
  for (const term of known.all) {
    if (prefix !== undefined && !term.name.startsWith(`${prefix}:`)) continue;
    if (isClass && term.kind !== "class") continue;
    let score = 0;
    for (const text of term.words) {
      if (text === wanted) score = Math.max(score, 4);
      else if (text.startsWith(wanted)) score = Math.max(score, 3);
      else if (text.includes(` ${wanted}`)) score = Math.max(score, 2);
    }
    const fits = place.isPredicate ? term.domains?.some((name) => place.classes.includes(name)) : kinds.includes(term.kind);
    if (score) scored.push([score + (term.kind === "class" || term.kind === "property" ? 0.5 : 0) + (fits ? 5 : 0), term]);
  }
  // Of equal matches, the term whose own name begins with the text comes first, and then the shorter name.
  const named = ([, term]) => (term.label.toLowerCase().startsWith(wanted) ? 0 : 1);
  scored.sort((a, b) => b[0] - a[0] || named(a) - named(b) || a[1].label.length - b[1].label.length || a[1].label.localeCompare(b[1].label));
  const options = scored.slice(0, MAX_COMPLETIONS).map(([, term]) => ({
    label: term.name,
    detail: term.label.toLowerCase() === term.name.split(":").at(-1).toLowerCase() ? term.kind : `${term.label} · ${term.kind}`,
    info: term.note || undefined,
    type: term.kind === "class" ? "class" : term.kind === "property" ? "property" : "constant",
  }));
  if (prefix === undefined && !isClass) {
    const words = KEYWORDS.filter((word) => word.startsWith(typed.toUpperCase()) && word !== typed.toUpperCase());
    options.push(...words.map((label) => ({ label, type: "keyword" })));
  }
  return options;
}

/** Return the kind of the entities of a class: cyb:FundingKind → funding-kind. */
const kindOf = (name) => name.replace(/^.*:/, "").replace(/(?<=[a-z])(?=[A-Z])/g, "-").toLowerCase();

/** Let the editor insert text typed over a selection: the browser would keep its formatting in an inline style,
    which the page's Content-Security-Policy blocks. */
function typeOver(event, view) {
  const { from, to, empty } = view.state.selection.main;
  if (event.inputType !== "insertText" || !event.data || empty || event.isComposing) return false;
  event.preventDefault();
  const insert = () => view.state.update(view.state.replaceSelection(event.data), { userEvent: "input.type", scrollIntoView: true });
  const handled = view.state.facet(EditorView.inputHandler).some((handler) => handler(view, from, to, event.data, insert));
  if (!handled) view.dispatch(insert());
  return true;
}

/** Replace a text area with an editor; the hidden text area still carries the text for its form. */
export function edit(field, { terms, run, nonce }) {
  const leave = (view) => {
    if (completionStatus(view.state) === "active") return closeCompletion(view);
    view.contentDOM.blur();
    field.form.querySelector("button[type=submit]").focus();
    return true;
  };
  const view = new EditorView({
    doc: field.value,
    extensions: [
      EditorView.cspNonce.of(nonce),
      lineNumbers(),
      history(),
      drawSelection(),
      EditorState.allowMultipleSelections.of(true),
      indentOnInput(),
      bracketMatching(),
      closeBrackets(),
      highlightActiveLine(),
      StreamLanguage.define(sparql),
      syntaxHighlighting(colours),
      autocompletion({ override: [completions(terms)], icons: false, defaultKeymap: false }),
      faulty,
      Prec.highest(keymap.of([
        { key: "Mod-Enter", run: () => (run(), true) },
        { key: "Escape", run: leave },
        { key: "Tab", run: acceptCompletion },
        ...completionKeymap,
      ])),
      keymap.of([...closeBracketsKeymap, ...defaultKeymap, ...historyKeymap]),
      EditorView.lineWrapping,
      EditorView.domEventHandlers({ beforeinput: typeOver }),
      EditorView.contentAttributes.of({
        "aria-label": "SPARQL query. Press Control+Enter to run it, Escape to leave the editor.",
        "aria-multiline": "true",
        tabindex: "0", // lets keyboard and screen-reader users scroll a long query
        spellcheck: "false",
      }),
      EditorView.updateListener.of((update) => {
        if (!update.docChanged) return;
        field.value = update.state.doc.toString();
        field.dispatchEvent(new Event("input", { bubbles: true }));
      }),
    ],
  });
  field.hidden = true;
  field.required = false; // else the browser would try to focus the hidden field
  field.after(view.dom);
  field.labels[0]?.addEventListener("click", () => view.focus());
  return {
    view,
    get text() {
      return view.state.doc.toString();
    },
    set text(value) {
      view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: value } });
    },
    /** Mark an error at a line and column, both counted from 1; without a line, remove the mark. */
    mark(line, column, message) {
      const doc = view.state.doc;
      if (!line || line > doc.lines) {
        view.dispatch(setDiagnostics(view.state, []), { effects: setFaulty.of(null) });
        return;
      }
      const at = doc.line(line);
      const from = Math.min(at.from + Math.max((column ?? 1) - 1, 0), at.to);
      const word = /^[^\s{}()[\];,.]+/.exec(doc.sliceString(from, at.to))?.[0].length ?? 1;
      const to = Math.min(from + word, at.to);
      view.dispatch(setDiagnostics(view.state, [{ from, to, severity: "error", message }]), {
        effects: [setFaulty.of(at.from), EditorView.scrollIntoView(from, { y: "nearest" })],
      });
    },
    /** Move the cursor to a line and column, both counted from 1. */
    go(line, column) {
      const at = view.state.doc.line(Math.min(line, view.state.doc.lines));
      view.dispatch({ selection: { anchor: Math.min(at.from + Math.max(column - 1, 0), at.to) }, scrollIntoView: true });
      view.focus();
    },
  };
}
