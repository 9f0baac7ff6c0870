INSERT { ?s dcterms:abstract ?o } WHERE { ?s a cyb:Project ; dcterms:title ?o }
