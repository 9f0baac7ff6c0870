INSERT DATA { project:G0001 dcterms:relation <https://example.org/project> }
