DELETE { ?s dcterms:modified ?o } INSERT { ?s dcterms:modified "last May" } WHERE { ?s dcterms:modified ?o }
