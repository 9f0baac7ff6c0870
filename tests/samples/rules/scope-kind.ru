DELETE { ?s cyb:concept ?o } INSERT { ?s cyb:concept actor:eu } WHERE { ?s cyb:concept ?o }
