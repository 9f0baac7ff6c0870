DELETE { ?s dcterms:description ?o } INSERT { ?s dcterms:description "The lawâ€™s text"@en } WHERE { ?s a cyb:Outcome ; dcterms:description ?o }
