DELETE { ?s dcterms:rights ?o } INSERT { ?s dcterms:rights ""@en } WHERE { ?s dcterms:rights ?o }
