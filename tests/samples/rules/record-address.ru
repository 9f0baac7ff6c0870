DELETE { ?s dcterms:source ?o } INSERT { ?s dcterms:source "example.org" } WHERE { ?s dcterms:source ?o }
