INSERT { ?s cyb:resultStatus status:finished } WHERE { ?s a cyb:Outcome }
