DELETE { ?s cyb:property ?o } INSERT { ?s cyb:property cyb:aim } WHERE { ?s a cyb:Dating ; cyb:property ?o }
