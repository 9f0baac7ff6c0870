INSERT DATA { project:G0001 cyb:beneficiary actor:eu }
