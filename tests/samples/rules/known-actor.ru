DELETE { ?s cyb:actor ?o } INSERT { ?s cyb:actor actor:nobody-knows } WHERE { ?s cyb:actor ?o } ;
INSERT DATA { actor:nobody-knows a cyb:Actor }
