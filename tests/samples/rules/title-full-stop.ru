DELETE { ?s dcterms:title ?o } INSERT { ?s dcterms:title "It is a good project."@en } WHERE { ?s a cyb:Project ; dcterms:title ?o }
