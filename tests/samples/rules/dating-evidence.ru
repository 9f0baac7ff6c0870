DELETE { ?s cyb:evidence ?o } WHERE { ?s a cyb:Dating ; cyb:evidence ?o }
