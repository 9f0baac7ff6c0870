INSERT DATA { project:G0001 cyb:aim "To train the judges of Samoa."@en }  # country:WS
