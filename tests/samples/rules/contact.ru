DELETE WHERE { ?s vcard:fn ?n ; vcard:hasEmail ?m }
