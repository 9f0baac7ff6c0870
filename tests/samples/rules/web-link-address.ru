DELETE { ?s schema:url ?o } INSERT { ?s schema:url <javascript:alert(1)> } WHERE { ?s schema:url ?o }
