DELETE WHERE { ?s dcterms:abstract ?o }
