INSERT DATA { project:G0001 cyb:start "2017"^^xsd:gYear }
