INSERT DATA { project:G0001 cyb:classification "DAC sector 15130" }
