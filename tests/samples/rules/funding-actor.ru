INSERT { ?s cyb:provider country:BZ } WHERE { ?s a cyb:Funding }
