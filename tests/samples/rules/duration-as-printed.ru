INSERT DATA { project:G0001 cyb:durationAsPrinted "something else" }
