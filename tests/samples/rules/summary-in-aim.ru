INSERT { ?s cyb:aim ?o } WHERE { ?s dcterms:abstract ?o }
