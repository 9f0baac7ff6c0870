DELETE { ?s cyb:section ?o } INSERT { ?s cyb:section cyb:funder } WHERE { ?s cyb:section ?o }
