INSERT DATA { project:G0001 cyb:end "2019"^^xsd:gYear }
