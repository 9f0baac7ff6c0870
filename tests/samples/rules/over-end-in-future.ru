DELETE { ?s cyb:status ?t ; cyb:start ?a ; cyb:end ?b ; cyb:duration ?d } INSERT { ?s cyb:status status:finished ; cyb:start "2018-01"^^xsd:gYearMonth ; cyb:end "2026-12"^^xsd:gYearMonth }
WHERE { ?s cyb:status ?t ; cyb:start ?a ; cyb:end ?b ; cyb:duration ?d }
