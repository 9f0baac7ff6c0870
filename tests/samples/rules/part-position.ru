DELETE { ?s schema:position ?o } INSERT { ?s schema:position 0 } WHERE { ?s a cyb:Outcome OPTIONAL { ?s schema:position ?o } }
