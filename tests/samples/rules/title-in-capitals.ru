DELETE { ?s dcterms:title ?o } INSERT { ?s dcterms:title "A GOOD PROJECT FOR BELIZE"@en } WHERE { ?s a cyb:Project ; dcterms:title ?o }
