INSERT DATA { project:G0001 dcterms:abstract "Another text that says it again."@en }
