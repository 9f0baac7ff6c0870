DELETE WHERE { ?s cyb:nameAsPrinted ?o }
