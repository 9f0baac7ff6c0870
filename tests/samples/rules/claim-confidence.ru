INSERT { ?s cyb:confidence 90.0 } WHERE { ?s a cyb:Scope }
