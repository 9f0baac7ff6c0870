DELETE { ?s dcterms:abstract ?o } INSERT { ?s dcterms:abstract "A project."@en } WHERE { ?s dcterms:abstract ?o }
