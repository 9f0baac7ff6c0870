DELETE WHERE { ?s dcterms:modified ?o }
