INSERT DATA { project:G0001 cyb:endAsPrinted "something else" }
