DELETE { ?s schema:amount ?o } WHERE { ?s a cyb:Funding ; schema:amount ?o }
