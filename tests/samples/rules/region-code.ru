INSERT DATA { region:999 a cyb:Region ; skos:prefLabel "The Moon"@en ; cyb:m49 "9999" }
