INSERT { ?s cyb:share 160.0 } WHERE { ?s cyb:concept theme:cybercrime }
