DELETE { ?s dcterms:description ?o } INSERT { ?s dcterms:description "Judges &amp; police"@en } WHERE { ?s a cyb:Output ; dcterms:description ?o }
