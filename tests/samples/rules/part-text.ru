DELETE { ?s dcterms:description ?o } INSERT { ?s dcterms:description " "@en } WHERE { ?s dcterms:description ?o }
