DELETE { ?s cyb:evidence ?o } INSERT { ?s cyb:evidence project:G0001 } WHERE { ?s a cyb:Participation ; cyb:evidence ?o }
