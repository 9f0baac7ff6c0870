INSERT DATA { project:G0001 dcterms:hasPart <https://example.org/project> }
