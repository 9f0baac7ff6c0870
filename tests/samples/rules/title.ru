DELETE WHERE { project:G0001 dcterms:title ?o }
