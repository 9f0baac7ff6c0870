INSERT DATA { project:G0001 cyb:startEarliest "2017-01-01"^^xsd:date ; cyb:startLatest "2017-12-31"^^xsd:date }
