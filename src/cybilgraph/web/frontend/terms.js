// What this release calls things: prefixes, terms and reference things, from our own server.

/** The completion data, or what is enough to go on without it. */
export async function load(address) {
  try {
    const answer = await fetch(address);
    if (answer.ok) return new Terms(await answer.json());
  } catch {
    // Without it the page has no completion and no labels; all else works.
  }
  return new Terms({ base: "", prefixes: {}, terms: [] });
}

export class Terms {
  constructor({ base, prefixes, terms }) {
    this.base = base;
    this.prefixes = prefixes;
    this.all = terms;
    this.byName = new Map(terms.map((term) => [term.name, term]));
    // The longest namespace first: a thing's own prefix before that of the folder above.
    this.namespaces = Object.entries(prefixes).sort((a, b) => b[1].length - a[1].length);
    for (const term of terms) {
      term.words = [term.label, term.name.split(":").at(-1), ...(term.others ?? [])].map((word) => word.toLowerCase());
    }
  }

  /** An IRI by its prefix, as SPARQL would have it; unchanged where no prefix fits. */
  short(iri) {
    for (const [prefix, namespace] of this.namespaces) {
      const rest = iri.slice(namespace.length);
      if (rest && iri.startsWith(namespace) && /^\w(?:[\w.-]*\w)?$/.test(rest)) return `${prefix}:${rest}`;
    }
    return iri;
  }

  of(iri) {
    return this.byName.get(this.short(iri));
  }

  label(iri) {
    return this.of(iri)?.label ?? this.short(iri);
  }

  /** country, actor, … of one of our things; empty for all else. */
  kind(iri) {
    const room = `${this.base}id/`;
    return this.base && iri.startsWith(room) ? iri.slice(room.length).split("/")[0] : "";
  }

  /** Where a link to an IRI leads: our own things to their page here; nowhere where it is no web address. */
  href(iri) {
    if (this.base && iri.startsWith(this.base)) return `${root()}/${iri.slice(this.base.length)}`;
    return /^https?:\/\//.test(iri) ? iri : "";
  }
}

/** The path under which the site is. */
export function root() {
  return document.querySelector("[data-root]")?.dataset.root ?? "";
}
