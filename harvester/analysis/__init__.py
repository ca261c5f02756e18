"""Documents -> tables, attendance, HTML report. Its libraries come with the extra `report`, and are imported when used."""
