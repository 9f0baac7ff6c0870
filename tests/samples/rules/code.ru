DELETE { ?s dcterms:identifier ?o } INSERT { ?s dcterms:identifier "X20" } WHERE { ?s dcterms:identifier ?o }
