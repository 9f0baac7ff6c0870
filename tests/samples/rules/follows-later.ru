INSERT DATA { project:G0000 cyb:start "2019-02"^^xsd:gYearMonth }
