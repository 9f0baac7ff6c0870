INSERT DATA { country:XX a cyb:Country ; skos:prefLabel "Atlantis"@en }
