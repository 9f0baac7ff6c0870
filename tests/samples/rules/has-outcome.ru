DELETE WHERE { ?s cyb:outcome ?o } ;
DELETE { ?s cyb:status ?o } INSERT { ?s cyb:status status:ongoing } WHERE { ?s cyb:status ?o }
