INSERT DATA { actor:ministry-of-justice a cyb:Actor ; skos:prefLabel "Ministry of Justice (Spain)"@en, "Ministry of Justice (Kosovo)"@en }
