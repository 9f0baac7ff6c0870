INSERT DATA { project:G0001 dcterms:isPartOf <https://example.org/project> }
