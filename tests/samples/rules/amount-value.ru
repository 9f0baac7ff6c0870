DELETE { ?s schema:value ?o } INSERT { ?s schema:value "much" } WHERE { ?s schema:value ?o }
