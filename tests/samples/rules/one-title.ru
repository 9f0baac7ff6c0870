INSERT DATA { project:G0001 dcterms:title "Another title"@en }
