DELETE { ?s cyb:duration ?d ; cyb:start ?o } INSERT { ?s cyb:duration "P1Y2M"^^xsd:duration ; cyb:start "2018-01"^^xsd:gYearMonth } WHERE { ?s cyb:duration ?d ; cyb:start ?o }
