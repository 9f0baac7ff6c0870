DELETE WHERE { ?s dcterms:rights ?o }
