DELETE { ?s cyb:fundingKind ?o } INSERT { ?s cyb:fundingKind funding-kind:gift } WHERE { ?s cyb:fundingKind ?o }
