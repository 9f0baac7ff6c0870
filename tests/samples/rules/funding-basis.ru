DELETE { ?s cyb:basis ?o } WHERE { ?s a cyb:Funding ; cyb:basis ?o }
