INSERT DATA { actor:nobody-knows a cyb:Actor }
