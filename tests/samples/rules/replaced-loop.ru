INSERT DATA { actor:a-fund dcterms:isReplacedBy actor:b-fund . actor:b-fund dcterms:isReplacedBy actor:a-fund }
