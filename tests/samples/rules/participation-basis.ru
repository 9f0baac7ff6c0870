DELETE { ?s cyb:basis ?o } WHERE { ?s a cyb:Participation ; cyb:basis ?o }
