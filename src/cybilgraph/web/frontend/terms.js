// The prefixes, ontology terms and named entities of this release, loaded from the server.

/** Load the completion data; return empty data if that fails. */
export async function load(address) {
  try {
    const response = await fetch(address);
    if (response.ok) return new Terms(await response.json());
  } catch {
    // The page then lacks completion and labels, but works.
  }
  return new Terms({ base: "", prefixes: {}, terms: [] });
}

export class Terms {
  constructor({ base, prefixes, terms }) {
    this.base = base;
    // What all sites share, such as countries, begins like the terms.
    this.shared = (prefixes.cyb ?? "").replace(/ontology#$/, "");
    this.prefixes = prefixes;
    this.all = terms;
    this.byName = new Map(terms.map((term) => [term.name, term]));
    // Longest namespace first, so that country: wins over the namespace it extends.
    this.namespaces = Object.entries(prefixes).sort((a, b) => b[1].length - a[1].length);
    for (const term of terms) {
      term.words = [term.label, term.name.split(":").at(-1), ...(term.others ?? [])].map((word) => word.toLowerCase());
    }
  }

  /** Shorten an IRI to a prefixed name that is valid in SPARQL; return it unchanged if no prefix fits. */
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

  /** Add the name of an entity. */
  add(iri, label) {
    this.byName.set(this.short(iri), { label, kind: this.kind(iri) });
  }

  label(iri) {
    return this.of(iri)?.label ?? this.short(iri);
  }

  /** Return the kind of an entity of this graph (country, actor, …); empty for other IRIs. */
  kind(iri) {
    return /^id\/([^/]+)\//.exec(this.path(iri))?.[1] ?? "";
  }

  /** Return the path at which this site answers for an IRI: one of its own, or a shared one such as a country. */
  path(iri) {
    if (this.base && iri.startsWith(this.base)) return iri.slice(this.base.length);
    return this.shared && iri.startsWith(this.shared) && this.short(iri) !== iri ? iri.slice(this.shared.length) : "";
  }

  /** Return the link target of an IRI: the page on this site for our own, empty if it is no web address. */
  href(iri) {
    const path = this.path(iri);
    if (path) return `${root()}/${path}`;
    return /^https?:\/\//.test(iri) ? iri : "";
  }
}

/** Return the path that the site is mounted at. */
export function root() {
  return document.querySelector("[data-root]")?.dataset.root ?? "";
}
