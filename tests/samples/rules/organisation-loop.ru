INSERT DATA { actor:a-fund org:subOrganizationOf actor:b-fund . actor:b-fund org:subOrganizationOf actor:a-fund }
