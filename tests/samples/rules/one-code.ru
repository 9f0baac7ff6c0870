INSERT DATA { project:G0001 dcterms:identifier "G0002" }
