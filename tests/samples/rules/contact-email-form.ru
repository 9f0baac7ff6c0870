DELETE { ?s vcard:hasEmail ?o } INSERT { ?s vcard:hasEmail <mailto:nobody> } WHERE { ?s vcard:hasEmail ?o }
