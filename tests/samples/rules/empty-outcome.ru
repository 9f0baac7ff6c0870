DELETE { ?s dcterms:description ?o } INSERT { ?s dcterms:description "N/A"@en } WHERE { ?s a cyb:Outcome ; dcterms:description ?o }
