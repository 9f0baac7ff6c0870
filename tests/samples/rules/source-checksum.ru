DELETE { ?s spdx:checksumValue ?o } INSERT { ?s spdx:checksumValue "9f86"^^xsd:hexBinary } WHERE { ?s spdx:checksumValue ?o }
