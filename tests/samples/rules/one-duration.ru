INSERT DATA { project:G0001 cyb:duration "P5M"^^xsd:duration }
