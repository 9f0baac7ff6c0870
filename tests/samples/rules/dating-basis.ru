DELETE { ?s cyb:basis ?o } WHERE { ?s a cyb:Dating ; cyb:basis ?o }
