INSERT DATA { project:G0001 cyb:startLatest "2018-12"^^xsd:gYearMonth }
