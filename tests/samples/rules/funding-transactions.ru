INSERT { ?s cyb:transactions 0 } WHERE { ?s a cyb:Funding }
