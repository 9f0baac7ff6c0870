DELETE { ?s dcterms:modified ?o } INSERT { ?s dcterms:modified "2026-11-26"^^xsd:date } WHERE { ?s dcterms:modified ?o }
