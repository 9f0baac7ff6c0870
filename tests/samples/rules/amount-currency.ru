DELETE { ?s schema:currency ?o } INSERT { ?s schema:currency "euro" } WHERE { ?s schema:currency ?o }
