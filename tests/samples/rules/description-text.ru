INSERT DATA { project:G0001 dcterms:description "Another text that says it again."@en }
